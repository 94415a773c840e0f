//! Bare clones beside the checkouts: lost, broken, listed.

use std::fs;

use awo_engine::ports::{SandboxProvider as _, Standing};
use awo_models::{FailureCode, WorkspaceSnapshot};
use awo_testkit::repository::FixtureRepository;

use crate::workspace::{Setting, order, write};
use crate::workspace_checkpoints::{Breakage, examine, rebuild};

#[tokio::test]
async fn without_the_bare_clone_the_remote_is_asked() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    let base = sandbox.base_commit().to_owned();
    sandbox.create_branch("feat-x").await.unwrap();
    write(&*sandbox, "new", "1\n");
    sandbox.commit("work").await.unwrap();
    sandbox.push("feat-x").await.unwrap();
    let pushed = sandbox.snapshot().await.unwrap();
    sandbox.checkpoint(&pushed).await.unwrap();
    setting.remote.commit("main", "later", &[("later", "1")]);

    // Only the bare clone is gone: the checkout is sound, and what is kept or pushed next makes a new one.
    fs::remove_dir_all(setting.mirror(1)).unwrap();
    assert_eq!(examine(&setting, &pushed).await, Standing::Sound);
    sandbox.checkpoint(&pushed).await.unwrap();
    fs::remove_dir_all(setting.directory(1)).unwrap();
    assert_eq!(rebuild(&setting, &pushed).await.base_commit(), base);

    // Everything of this machine is gone.
    for gone in [setting.mirror(1), setting.directory(1)] {
        fs::remove_dir_all(gone).unwrap();
    }
    assert_eq!(examine(&setting, &pushed).await, Standing::Lost, "no other machine is asked");
    let again = rebuild(&setting, &pushed).await;
    assert_eq!(again.snapshot().await.unwrap(), pushed);
    assert_eq!((again.base_branch(), again.base_commit()), ("main", &*base), "not what the remote has by now");

    // What was not committed is on no remote.
    write(&*again, "newer", "2\n");
    let unpushed = again.snapshot().await.unwrap();
    for gone in [setting.mirror(1), setting.directory(1)] {
        fs::remove_dir_all(gone).unwrap();
    }
    let request = setting.request(1);
    let failure = setting.provider.rebuild(&request, &unpushed).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::WorkspaceLost);
    assert!(failure.message.contains(&*unpushed.tree) && failure.message.contains(&*unpushed.head), "{failure}");
    assert!(failure.message.contains(&format!("awo retry {} --from-step", order(1))), "{failure}");
    let never_pushed = WorkspaceSnapshot { branch: Some("feat-y".into()), ..unpushed };
    let failure = setting.provider.rebuild(&request, &never_pushed).await.unwrap_err();
    assert!(failure.message.contains("has no branch \"feat-y\""), "{failure}");
}

#[tokio::test]
async fn a_bare_clone_that_is_broken_or_cut_half_way_is_made_anew() {
    let setting = Setting::new(FixtureRepository::new());
    let sandbox = setting.prepare(1).await;
    sandbox.create_branch("feat-x").await.unwrap();
    write(&*sandbox, "new", "1\n");
    sandbox.commit("work").await.unwrap();
    sandbox.push("feat-x").await.unwrap();
    let pushed = sandbox.snapshot().await.unwrap();
    let mirror = setting.mirror(1);
    let breakages: [Breakage; 5] = [
        ("cut while it was made", |mirror| {
            fs::rename(mirror, mirror.with_extension("git.new")).unwrap();
            fs::remove_file(mirror.with_extension("git.new").join("HEAD")).unwrap();
        }),
        ("cut while it was removed", |mirror| {
            fs::remove_file(mirror.join("awo-origin.json")).unwrap();
            fs::remove_dir_all(mirror.join("refs")).unwrap();
        }),
        ("objects are gone", |mirror| fs::remove_dir_all(mirror.join("objects/pack")).unwrap()),
        ("all objects are gone", |mirror| {
            fs::remove_dir_all(mirror.join("objects")).unwrap();
            fs::create_dir(mirror.join("objects")).unwrap();
        }),
        ("no repository", |mirror| fs::remove_file(mirror.join("HEAD")).unwrap()),
    ];
    for (what, break_it) in breakages {
        sandbox.checkpoint(&sandbox.snapshot().await.unwrap()).await.unwrap();
        break_it(&mirror);
        fs::remove_dir_all(setting.directory(1)).unwrap();
        assert_eq!(examine(&setting, &pushed).await, Standing::Lost, "{what}");
        assert_eq!(setting.provider.orders().await.unwrap(), [order(1)], "{what}");
        let again = rebuild(&setting, &pushed).await;
        assert_eq!(again.snapshot().await.unwrap(), pushed, "{what}");
        again.checkpoint(&pushed).await.unwrap();
        assert_eq!(again.base_commit(), sandbox.base_commit(), "{what}");
    }
    setting.provider.remove(order(1)).await.unwrap();
    let left: Vec<_> =
        fs::read_dir(mirror.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["shared"], "what belongs to no order stays");
}

#[tokio::test]
async fn orders_are_found_in_both_places_and_foreign_names_are_not_ours() {
    let setting = Setting::new(FixtureRepository::new());
    assert_eq!(setting.provider.orders().await.unwrap(), []);
    for n in 1..=3 {
        setting.prepare(n).await;
    }
    fs::remove_dir_all(setting.directory(1)).unwrap();
    fs::remove_dir_all(setting.mirror(2)).unwrap();
    fs::rename(setting.mirror(3), setting.mirror(3).with_extension("git.new")).unwrap();
    for place in [setting.directory(1), setting.mirror(1)] {
        let around = place.parent().unwrap();
        fs::create_dir_all(around.join("somebody's")).unwrap();
        fs::write(around.join("notes.git"), "").unwrap();
        fs::create_dir_all(around.join(order(4).to_string().to_uppercase())).unwrap();
    }
    assert_eq!(setting.provider.orders().await.unwrap(), [order(1), order(2), order(3)]);
    for n in 1..=3 {
        setting.provider.remove(order(n)).await.unwrap();
    }
    assert_eq!(setting.provider.orders().await.unwrap(), []);
    assert!(setting.mirror(1).parent().unwrap().join("notes.git").exists());
}

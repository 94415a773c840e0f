//! Prompts, and processes that die, or stores that fail, around them: what was acknowledged is taken up.

use std::time::Duration;

use awo_engine::RunEnd;
use awo_models::{AgentWorkOrderStatus, EventKind, EventSeq, FailureCode, OrderId};
use awo_testkit::{Fault, World};

use crate::follow_ups::ended;
use crate::outages::{until, until_async};
use crate::recovery::die_after;
use crate::retry::shown;

const COMPLETED: RunEnd = RunEnd::Ended(AgentWorkOrderStatus::Completed);

/// Every result has its event, and nothing is left that waits.
async fn assert_taken_up(world: &World, id: OrderId, case: &str) {
    let view = world.stored(id).await;
    assert_eq!(view.order.state.status, AgentWorkOrderStatus::Completed, "{case}");
    assert_eq!(view.order.waiting_prompts(), 0, "{case}");
    assert_eq!(view.order.state.steps_completed, view.order.total_steps(), "{case}");
    let events = world.events(id).await;
    assert!(events.iter().zip(1..).all(|(event, n)| event.seq == EventSeq(n)), "{case}: gaps");
    let told = events.iter().filter(|event| matches!(event.kind, EventKind::StepFinished { .. })).count();
    assert_eq!(told, view.history.len(), "{case}");
}

#[tokio::test(start_paused = true)]
async fn killed_with_a_waiting_prompt_at_every_step_it_is_taken_up() {
    for steps in 0..7 {
        let world = World::gated();
        let (dead, id) = die_after(&world, steps).await;
        dead.work_orders().prompt(id, "more").await.unwrap();
        drop(dead);
        world.gate.as_ref().unwrap().add_permits(9);
        assert_eq!(world.orchestrator().run_order(id).await.unwrap(), COMPLETED, "{steps}");
        let shown = shown(&world, id).await;
        assert_eq!(shown[steps + 2], "prompt-1✔1", "{shown:?}: after the step that was cut");
        assert_eq!(shown.len(), 9, "{shown:?}: nothing else ran twice");
        assert_taken_up(&world, id, &format!("{steps}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn killed_while_a_prompt_is_done_it_is_done_again_on_the_same_checkout() {
    for lost in [false, true] {
        let world = World::gated();
        let gate = world.gate.as_ref().unwrap();
        gate.add_permits(7);
        let orchestrator = world.orchestrator();
        let id = world.create(&orchestrator).await;
        orchestrator.run_order(id).await.unwrap();
        orchestrator.work_orders().prompt(id, "more").await.unwrap();
        tokio::select! {
            biased;
            _ = orchestrator.run_order(id) => panic!("it must not end"),
            () = until(|| world.timeline.text().contains("agent: prompt-1")) => {}
        }
        drop(orchestrator);
        world.sandboxes.write(id, "half.txt", "half");
        if lost {
            world.sandboxes.lose_all(id);
        }
        gate.add_permits(9);
        assert_eq!(world.orchestrator().run_order(id).await.unwrap(), COMPLETED);
        assert_eq!(shown(&world, id).await[7..], ["prompt-1✘1 superseded", "prompt-1✔2"]);
        let view = world.stored(id).await;
        assert_eq!(view.history.get(7).unwrap().error_code, Some(FailureCode::Interrupted));
        let files = &view.history.last().unwrap().evidence.changes.as_ref().unwrap().files;
        assert_eq!(files.iter().map(|file| &**file).collect::<Vec<_>>(), ["src/more.txt"]);
        assert_taken_up(&world, id, "").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_prompt_before_the_end_is_stored_holds_it() {
    for fault in [Fault::Before, Fault::Hang] {
        let world = World::new();
        let orchestrator = world.orchestrator();
        let id = world.create(&orchestrator).await;
        world.repository.fail_saves([Fault::None; 7], fault);
        orchestrator.start();
        let finishing = async || orchestrator.work_orders().get(id).await.unwrap().persistence.finishing;
        until_async(finishing).await;
        orchestrator.work_orders().prompt(id, "one more thing").await.unwrap();
        world.repository.fail_saves([], Fault::None);
        ended(&world, id).await;
        assert_eq!(shown(&world, id).await[6..], ["create_pr✔1", "prompt-1✔1"]);
        assert!(!orchestrator.work_orders().get(id).await.unwrap().persistence.finishing);
        assert_taken_up(&world, id, &format!("{fault:?}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_that_was_spilled_gives_way_to_a_prompt_and_no_result_is_lost() {
    let world = World::new();
    world.repository.fail_saves([Fault::None; 3], Fault::Before);
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    until_async(async || orchestrator.work_orders().get(id).await.unwrap().persistence.finishing).await;
    assert!(orchestrator.drain(Duration::from_secs(1), Duration::from_secs(5)).await);
    assert_eq!(world.stored(id).await.history.len(), 3);
    let next = world.orchestrator();
    next.work_orders().prompt(id, "one more thing").await.unwrap();
    world.repository.fail_saves([], Fault::None);
    assert_eq!(next.run_order(id).await.unwrap(), COMPLETED);
    let shown = shown(&world, id).await;
    assert_eq!((shown.len(), &*shown[7]), (8, "prompt-1✔1"), "{shown:?}");
    assert_taken_up(&world, id, "").await;
}

#[tokio::test(start_paused = true)]
async fn a_prompt_is_taken_up_whatever_its_owner_could_hear_of_it() {
    // The word of it is lost when the store cannot be read; the answer to the next save tells.
    let world = World::gated();
    let gate = world.gate.as_ref().unwrap();
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    gate.add_permits(2);
    until(|| world.timeline.text().contains("agent: find_plan")).await;
    orchestrator.work_orders().prompt(id, "more").await.unwrap();
    world.repository.fail_reads(true);
    gate.add_permits(1);
    until(|| world.timeline.text().contains("agent: generate_branch")).await;
    world.repository.fail_reads(false);
    gate.add_permits(9);
    ended(&world, id).await;
    assert_eq!(shown(&world, id).await[2..5], ["find_plan✔1", "generate_branch✔1", "prompt-1✔1"]);
    assert_taken_up(&world, id, "").await;
}

#[tokio::test(start_paused = true)]
async fn a_prompt_of_another_process_is_heard_of_with_the_next_save() {
    let world = World::gated();
    let gate = world.gate.as_ref().unwrap();
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    gate.add_permits(2);
    until(|| world.timeline.text().contains("agent: find_plan")).await;
    world.orchestrator().work_orders().prompt(id, "more").await.unwrap();
    gate.add_permits(9);
    ended(&world, id).await;
    assert_eq!(shown(&world, id).await[2..5], ["find_plan✔1", "generate_branch✔1", "prompt-1✔1"]);
    assert_taken_up(&world, id, "").await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_hands_an_order_with_a_waiting_prompt_over() {
    let world = World::gated();
    let gate = world.gate.as_ref().unwrap();
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    gate.add_permits(6);
    until(|| world.timeline.text().contains("agent: create_pr")).await;
    orchestrator.work_orders().prompt(id, "more").await.unwrap();
    let work_ends = async { gate.add_permits(1) };
    let (whole, ()) = tokio::join!(orchestrator.drain(Duration::from_secs(5), Duration::from_secs(5)), work_ends);
    assert!(whole);
    let view = world.stored(id).await;
    assert_eq!((view.order.state.status, view.order.waiting_prompts()), (AgentWorkOrderStatus::Pending, 1));
    gate.add_permits(1);
    assert_eq!(world.orchestrator().run_order(id).await.unwrap(), COMPLETED);
    assert_taken_up(&world, id, "").await;
}

#[tokio::test(start_paused = true)]
async fn a_prompt_whose_answer_was_lost_still_runs() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.run_order(id).await.unwrap();
    world.repository.fail_updates([Fault::After], Fault::None);
    assert!(orchestrator.work_orders().prompt(id, "more").await.is_err());
    orchestrator.start();
    until_async(async || world.stored(id).await.history.len() == 8).await;
    ended(&world, id).await;
    assert_taken_up(&world, id, "").await;
}

#[tokio::test(start_paused = true)]
async fn any_failing_save_around_a_prompt_loses_and_repeats_nothing() {
    for fault in [Fault::Before, Fault::After] {
        for from in 0..4 {
            for length in [1, 3, 8] {
                let world = World::gated();
                let gate = world.gate.as_ref().unwrap();
                let orchestrator = world.orchestrator();
                let id = world.create(&orchestrator).await;
                orchestrator.start();
                gate.add_permits(4);
                until(|| world.timeline.text().contains("agent: implement")).await;
                orchestrator.work_orders().prompt(id, "one").await.unwrap();
                orchestrator.work_orders().prompt(id, "two").await.unwrap();
                let good = std::iter::repeat_n(Fault::None, from);
                world.repository.fail_saves(good.chain(std::iter::repeat_n(fault, length)), Fault::None);
                gate.add_permits(9);
                ended(&world, id).await;
                let case = format!("{fault:?}, {length} from {from}");
                let shown = shown(&world, id).await;
                assert_eq!(shown[4..7], ["implement✔1", "prompt-1✔1", "prompt-2✔1"], "{case}");
                assert_eq!(shown.len(), 9, "{case}");
                assert_taken_up(&world, id, &case).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_while_its_prompt_is_stored_leaves_an_order_that_runs() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    ended(&world, id).await;
    let work_orders = orchestrator.work_orders();
    tokio::select! {
        biased;
        _ = work_orders.prompt(id, "more") => panic!("nothing is waited for"),
        () = std::future::ready(()) => {}
    }
    until_async(async || world.stored(id).await.history.len() == 8).await;
    ended(&world, id).await;
    assert_taken_up(&world, id, "gone").await;
}

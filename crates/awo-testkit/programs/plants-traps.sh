#!/bin/sh
# An agent that leaves in its checkout whatever is known to make git run a program. Each trap tells inside of the git
# directory what it saw, and tries to leave a mark in the directory that the first argument names. With a second argument
# it plants that trap alone, as one keeps git from reaching another.
set -eu
repo=$PWD
only=${2-}
evil=$repo/.git/evil.sh
script() { # path; what is read becomes a program, also for those whose chmod does nothing
    cp /bin/true "$1"
    cat > "$1"
}
script "$evil" <<END
#!/bin/sh
{ env; if ls /sys/class/net >/dev/null 2>&1 || grep -qv -e lo: -e '|' /proc/net/dev; then echo network some; else echo network none; fi; } > '$repo/.git/ran-'"\$1" 2>&1
echo ran > '$1/'"\$1"
echo ran > "$repo/../ran-\$1"
# A filter that says nothing makes git fail now and then: it is told an end.
case "\$1" in clean|smudge) cat ;; process) printf 0000 ;; esac
exit 0
END

wanted() { # name of a trap
    [ -z "$only" ] || [ "$only" = "$1" ]
}

trap_hooks() { # git directory
    mkdir -p "$1/hooks" "$1/info"
    for hook in pre-commit prepare-commit-msg commit-msg post-commit post-checkout pre-push post-index-change \
        reference-transaction post-update pre-receive update post-rewrite pre-auto-gc push-to-checkout; do
        wanted "hook-$hook" || continue
        printf '#!/bin/sh\nexec %s hook-%s\n' "$evil" "$hook" | script "$1/hooks/$hook"
    done
    printf '* filter=evil diff=evil merge=evil\n*.long filter=long\n' > "$1/info/attributes"
}

trap_settings() { # git directory
    set -- "$1/config"
    for pair in core.fsmonitor=fsmonitor core.sshCommand=ssh core.editor=editor core.pager=pager \
        core.alternateRefsCommand=alternates sequence.editor=sequence \
        diff.external=external diff.evil.command=diffdriver diff.evil.textconv=textconv \
        filter.evil.clean=clean filter.evil.smudge=smudge filter.long.process=process merge.evil.driver=mergedriver \
        credential.helper=credential remote.origin.uploadpack=uploadpack remote.origin.receivepack=receivepack \
        trailer.x.command=trailer interactive.diffFilter=difffilter browser.x.cmd=browser; do
        wanted "${pair#*=}" || continue
        git config -f "$1" "${pair%%=*}" "$evil ${pair#*=}"
    done
    # These are started by their names alone.
    for pair in core.askPass=askpass core.gitProxy=gitproxy gpg.program=gpg gpg.ssh.program=gpgssh; do
        wanted "${pair#*=}" || continue
        printf '#!/bin/sh\nexec %s %s\n' "$evil" "${pair#*=}" | script "$repo/.git/${pair#*=}.sh"
        git config -f "$1" "${pair%%=*}" "$repo/.git/${pair#*=}.sh"
    done
    [ -n "$only" ] || git config -f "$1" core.hooksPath "$repo/.git/hooks"
    if wanted gpg || wanted gpgssh; then
        git config -f "$1" commit.gpgSign true
        git config -f "$1" tag.gpgSign true
    fi
    wanted alias && git config -f "$1" alias.evil "!$evil alias"
    wanted submodule && git config -f "$1" submodule.x.update "!$evil submodule"
    git config -f "$1" submodule.recurse true
    git config -f "$1" submodule.x.active true
    git config -f "$1" protocol.ext.allow always
    wanted submoduleurl && git config -f "$1" submodule.x.url "ext::$evil submoduleurl"
    wanted insteadof && git config -f "$1" url."ext::$evil insteadof %S ".insteadOf /
    wanted pushinsteadof && git config -f "$1" url."ext::$evil pushinsteadof %S ".pushInsteadOf /
    wanted remote && git config -f "$1" remote.origin.url "ext::$evil remote %S"
    if wanted included; then
        git config -f "$1" include.path "$repo/.git/included"
        git config -f "$1" includeIf.gitdir:/.path "$repo/.git/included"
    fi
    [ -n "$only" ] || git config -f "$1" core.worktree /etc
}

printf '[core]\n\tfsmonitor = %s included\n' "$evil" > .git/included
for nested in nested deeper/nested; do
    git init -q "$nested"
    (cd "$nested" && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && echo 1 > file)
    trap_hooks "$nested/.git"
    trap_settings "$nested/.git"
done
# A bare repository among the files, a git file that leads to one, and one that leads out.
git init -q --bare bare
trap_hooks bare
trap_settings bare
[ -n "$only" ] || git config -f bare/config core.bare false
mkdir linked outward
echo "gitdir: $repo/bare" > linked/.git
echo "gitdir: /etc" > outward/.git
echo 1 > linked/file
printf '[submodule "x"]\n\tpath = nested\n\turl = ext::%s modules\n' "$evil" > .gitmodules
printf '* filter=evil diff=evil merge=evil\n*.long filter=long\n' > .gitattributes
echo done > work
echo 1 > file.long
trap_hooks .git
trap_settings .git
echo planted

#!/bin/sh
# Plays `claude --print --output-format stream-json`: reads a prompt on stdin, does the work of the role that the
# prompt's first line names (`Role: planner`), and speaks the protocol. It works in the current directory.
set -eu
if [ "${1-}" = --version ]; then echo '0.0.0-test (stream-json-agent)'; exit 0; fi

session=
while [ $# -gt 0 ]; do
    case $1 in
        --session-id) session=$2; shift ;;
    esac
    shift
done

prompt=$(cat)
if [ -z "$prompt" ]; then
    echo 'Error: Input must be provided either through stdin or as a prompt argument when using --print' >&2
    exit 1
fi
role=$(printf '%s\n' "$prompt" | sed -n '1s/^Role: //p')
slug=say-hello-in-more-languages
plan=specs/$slug.md

write_plan() {
    mkdir -p specs
    cat > "$plan" <<'PLAN'
# Say hello in more languages

## Problem
The greeting exists in one language only.

## Solution
Keep the greetings in one file, one language a line, and say in the README where they are.

## Steps
1. Add `greetings.txt` with three languages.
2. Name it in the README.

## Tests
Look at the file: each line has a language and a greeting.
PLAN
}

change_files() {
    printf 'en Hello\nde Hallo\nfr Bonjour\n' > greetings.txt
    printf '\nGreetings are in `greetings.txt`.\n' >> README.md
}

# In answers, \n is a line end as JSON writes it.
case $role in
    classifier) answer='/feature' ;;
    planner) write_plan; answer="I wrote the plan.\\n\\n$plan" ;;
    plan_finder) answer=$plan ;;
    branch_generator) answer=$slug ;;
    implementor) change_files; answer='Added greetings.txt with three languages and named it in the README.' ;;
    code_reviewer) answer='No problems found.' ;;
    tester) answer='All tests pass: 1 run, 0 failed.' ;;
    committer) answer='feat: say hello in more languages' ;;
    pr_creator) answer='Say hello in more languages\n\n## Summary\nAdds greetings in three languages.' ;;
    *) answer="I do not know the role '$(printf '%s' "$role" | tr -cd 'a-z_ ')'." ;;
esac

say() { printf '%s\n' "$1"; }
say '{"type":"system","subtype":"init","session_id":"'"$session"'","model":"stream-json-agent","claude_code_version":"0.0.0-test","tools":["Bash","Write"]}'
say '{"type":"assistant","session_id":"'"$session"'","message":{"id":"msg_1","content":[{"type":"text","text":"'"$answer"'"}],"stop_reason":"end_turn"}}'
say '{"type":"result","subtype":"success","is_error":false,"session_id":"'"$session"'","num_turns":1,"result":"'"$answer"'","stop_reason":"end_turn","total_cost_usd":0.0004,"permission_denials":[],"modelUsage":{"stream-json-agent":{"inputTokens":100,"outputTokens":20,"cacheReadInputTokens":0,"cacheCreationInputTokens":0,"costUSD":0.0004}}}'

#!/bin/bash
# The commands of "Manual End-to-End Validation", with these differences: the server is awo, its port is a free one and
# taken from what it prints, and the pauses are shorter.
set -euo pipefail

"$AWO" serve --bind 127.0.0.1:0 > server.out 2> server.err &
SERVER=$!
trap 'kill $SERVER; wait $SERVER || true' EXIT
for i in {1..600}; do
  grep -q '^listening on ' server.out && break
  sleep 0.05
done
PORT=$(sed -n 's|^listening on http://127.0.0.1:||p' server.out)

curl http://localhost:$PORT/health | jq

# Create work order
WORK_ORDER_ID=$(curl -s -X POST http://localhost:$PORT/agent-work-orders \
  -H "Content-Type: application/json" \
  -d '{"repository_url":"https://github.com/Wirasm/dylan.git","sandbox_type":"git_branch","workflow_type":"agent_workflow_plan","user_request":"Test real-time progress"}' \
  | jq -r '.agent_work_order_id')

echo "Work Order: $WORK_ORDER_ID"

# Poll for real-time progress (observe step count increase: 0->1->2->3->4->5->6->7)
for i in {1..600}; do
  STEP_COUNT=$(curl -s http://localhost:$PORT/agent-work-orders/$WORK_ORDER_ID/steps | jq '.steps | length')
  LAST_STEP=$(curl -s http://localhost:$PORT/agent-work-orders/$WORK_ORDER_ID/steps | jq -r '.steps[-1].step // "none"')
  echo "Poll $i: $STEP_COUNT steps completed, last: $LAST_STEP"
  STATUS=$(curl -s http://localhost:$PORT/agent-work-orders/$WORK_ORDER_ID | jq -r '.status')
  case $STATUS in completed | failed | cancelled) [ "$STEP_COUNT" = 7 ] && break ;; esac
  sleep 0.1
done

# Verify final state
curl http://localhost:$PORT/agent-work-orders/$WORK_ORDER_ID | jq '{status: .status}'
curl http://localhost:$PORT/agent-work-orders/$WORK_ORDER_ID/steps | jq '.steps | length'

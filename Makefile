PYTHON ?= python3
PORT ?= 9000
LOCAL_CONCURRENCY ?= 2
CLIENTS ?= 2000
VISITS ?= 200000
EVENT ?= *
ENV ?= staging
URL ?= http://127.0.0.1:$(PORT)

STACK = $(PYTHON) local/stack
INVOKE = cargo lambda invoke --invoke-address 127.0.0.1 --invoke-port $(PORT)

.PHONY: mobile start demo reply press reset test test-watermelon test-pooled check bench build deploy contract smoke drill openapi verify-audit

# Serves every function on demo data at http://127.0.0.1:9000/v1 until Ctrl-C, and builds anew what changes.
start: ; @$(STACK) start --port $(PORT) --concurrency $(LOCAL_CONCURRENCY)

# Loads a large set of demo data, also beside a running stack.
demo: ; @$(STACK) demo -- --clients $(CLIENTS) --visits $(VISITS)

# Answers like a person: writes an SMS to the running stack, presses keys on its newest call or the one that CALL names.
reply: ; @$(STACK) reply --from '$(FROM)' --body '$(BODY)'
press: ; @$(STACK) press --call '$(CALL)' --digits '$(DIGITS)'

# Removes the data that `make start` keeps.
reset: ; @$(STACK) reset

# What shows that named statements keep their order, on a direct connection.
NAMED = -E 'test(nurses_day) or test(replays::) or test(sync::) or test(audit::)'

# Nobody escalates the alerts of its histories meanwhile: what a new phone gets is what the others got.
WATERMELON = JOBS_FUNCTION=nobody $(STACK) exec --serve -- npm --prefix tests/watermelon test

# Every test, some of them with named statements, then README's calls and schemathesis against the served functions, and the
# phone's real client.
test: tests/watermelon/node_modules/.package-lock.json
	@sh local/need cargo-nextest 0.9.143
	@$(STACK) exec -- cargo nextest run --workspace
	@DB_STATEMENTS=named $(STACK) exec -- cargo nextest run -p tests $(NAMED)
	@mkdir -p target && rm -f target/aws-calls.txt
	@AWS_CALLS=$(CURDIR)/target/aws-calls.txt $(STACK) exec --serve -- python local/end_to_end
	@$(STACK) checks --calls target/aws-calls.txt
	@$(WATERMELON)

# WatermelonDB from npm, unmodified, against the served functions. SEED and RUNS choose its random histories.
test-watermelon: tests/watermelon/node_modules/.package-lock.json
	@$(WATERMELON)
tests/watermelon/node_modules/.package-lock.json: tests/watermelon/package-lock.json
	@cd tests/watermelon && npm ci

# The database tests again, through PgBouncer in transaction mode.
test-pooled:
	@sh local/need cargo-nextest 0.9.143
	@$(STACK) exec --pooled -- cargo nextest run -p tests

# What the functions take, beside the bare SQL for the same. A release build comes first: some ten minutes.
bench:
	@cargo build --release --workspace --bins --example bench
	@$(STACK) exec -- target/release/examples/bench

check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@sh local/deny
	@$(STACK) checks

# Writes the document that `health` serves. Aside first: a failed build must not leave an empty one.
openapi:
	@cargo run --quiet --example openapi > target/openapi.json
	@mv target/openapi.json functions/health/openapi.json

# Writes the schema module that the phone app takes.
mobile:
	@cargo run --quiet --example mobile > target/schema.js
	@mv target/schema.js docs/mobile/schema.js

# The functions as Lambda runs them, each target/lambda/<function>/bootstrap.zip; `rustup target add
# aarch64-unknown-linux-gnu` comes first.
build: ; @$(STACK) tools -- cargo lambda build --release --arm64 --output-format zip

# Deploys what `build` built to ENV, staging or production, with the AWS credentials of whoever calls; migrations first.
deploy: ; @$(STACK) deploy $(ENV)

# Takes away from ENV's database what only the release before needed: docs/runbooks/release.md says when.
contract: ; @$(STACK) tools -- python delivery/contract.py $(ENV)

# Asks what serves at URL whether it works; changes nothing there.
smoke: ; @$(PYTHON) delivery/smoke.py $(URL)

# The runbooks that a machine can exercise, against services of their own.
drill: ; @$(STACK) exec --serve -- python local/drill

# Computes the audit log's chain of the running stack anew.
verify-audit: ; @$(STACK) tools -- $(INVOKE) --data-file events/jobs/audit-verify.json jobs

# Sends events/<function>/*.json, or the one that EVENT names, to a function of the running stack.
invoke-%: ; @$(STACK) tools -- sh -c 'for event in events/$*/$(EVENT).json; do $(INVOKE) --data-file "$$event" $*; done'

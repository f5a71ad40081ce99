PYTHON ?= python3
PORT ?= 9000
LOCAL_CONCURRENCY ?= 2
CLIENTS ?= 2000
VISITS ?= 200000
EVENT ?= *
ENV ?= staging
URL ?= http://127.0.0.1:$(PORT)
SECONDS_EACH ?= 60

STACK = $(PYTHON) local/stack
INVOKE = cargo lambda invoke --invoke-address 127.0.0.1 --invoke-port $(PORT)
# Where cargo builds, which worktrees may share; and where this checkout keeps files of its own.
TARGET = $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
STATE = $(CURDIR)/local/.state
BENCH_NODE = local/examples/bench/node
BOARD_NODE = local/end_to_end/node
BENCH_PROFILE = $(if $(QUICK),bench-quick,release)
BASE ?= main

.PHONY: start logs demo totp reply press reset bench bench-check check check-rust check-rest hooks openapi mobile \
	schema test build-tests test-rust test-named test-pooled test-end-to-end test-watermelon test-fhir mutants \
	nightly nightly-tests fuzz seed need-nextest need-mutants \
	build deploy deploy-at-once versions rollback contract smoke drill verify-audit \
	agency agencies rename-agency suspend-agency resume-agency set-retention

# Serves every function on demo data at http://127.0.0.1:9000/v1 until Ctrl-C, and rebuilds what changes.
start: ; @$(STACK) start --port $(PORT) --concurrency $(LOCAL_CONCURRENCY)

# Follows the running stack's log: every line of every function, with metrics.
logs: ; @tail -n 200 -F $(STATE)/dev/logs/functions.log

# Loads a large set of demo data, also into a running stack.
demo: ; @$(STACK) demo -- --clients $(CLIENTS) --visits $(VISITS)

# Prints the code that the demo admin's authenticator app shows now; each is good for one sign-in.
totp: ; @$(PYTHON) local/totp.py

# Answers as a person would: sends an SMS to the running stack; presses keys on its newest call, or on CALL.
reply: ; @$(STACK) reply --from '$(FROM)' --body '$(BODY)'
press: ; @$(STACK) press --call '$(CALL)' --digits '$(DIGITS)'

# Deletes the data that `make start` keeps.
reset: ; @$(STACK) reset

# One choice of packages for all runs, so that cargo builds once. The profiles are chosen in .config/nextest.toml.
NEXTEST = cargo nextest run --workspace
# Draws the random histories: a fresh one each time, unless it is given to repeat a failure.
SEED := $(or $(SEED),$(shell od -An -N4 -tu4 /dev/urandom | tr -d ' '))
export SEED

# Every test, some again with named statements; then README's commands, schemathesis and the phone's real client against
# the served functions.
test: test-rust test-named test-end-to-end test-watermelon test-fhir

# Builds the tests, and the functions that `start` and the end-to-end tests serve.
build-tests: need-nextest
	@$(STACK) tools -- $(NEXTEST) --no-run
	@$(STACK) tools -- cargo build --workspace --bins --examples

test-rust: need-nextest seed ; @$(STACK) exec -- $(NEXTEST)

# The tests that depend on the order of statements, with named statements on a direct connection.
test-named: need-nextest ; @DB_STATEMENTS=named $(STACK) exec -- $(NEXTEST) --profile named

# The tests that a pooler could break, through PgBouncer in transaction mode.
test-pooled: need-nextest ; @$(STACK) exec --pooled -- $(NEXTEST) --profile pooled

# README's commands, schemathesis, the board in Chromium and the rest against the served functions; then what they asked
# of AWS against their roles. BOARD_PICTURES=folder leaves pictures of the board there.
test-end-to-end: tests/watermelon/node_modules/.package-lock.json $(BOARD_NODE)/node_modules/.package-lock.json
	@mkdir -p $(STATE) && rm -f $(STATE)/aws-calls.txt
	@AWS_CALLS=$(STATE)/aws-calls.txt $(STACK) exec --serve -- python local/end_to_end
	@$(STACK) checks --calls $(STATE)/aws-calls.txt
$(BOARD_NODE)/node_modules/.package-lock.json: $(BOARD_NODE)/package-lock.json
	@cd $(BOARD_NODE) && npm ci

# WatermelonDB from npm, unmodified, against the served functions; SEED and RUNS choose the random histories. Without
# the job that escalates alerts, so that a new phone gets what the others got.
test-watermelon: tests/watermelon/node_modules/.package-lock.json seed
	@JOBS_FUNCTION=nobody $(STACK) exec --serve -- npm --prefix tests/watermelon test
tests/watermelon/node_modules/.package-lock.json: tests/watermelon/package-lock.json
	@cd tests/watermelon && npm ci

# Exports in FHIR against validators from npm: of random clients, and of the demo's by the served functions.
test-fhir: export FHIR_EXPORTS = $(STATE)/fhir
test-fhir: need-nextest tests/fhir/node_modules/.package-lock.json seed
	@rm -rf $(FHIR_EXPORTS) && mkdir -p $(FHIR_EXPORTS)
	@$(STACK) exec -- $(NEXTEST) -E 'test(=privacy::random_clients::exports_of_random_clients_are_sound)'
	@$(STACK) exec --serve -- npm --prefix tests/fhir test
tests/fhir/node_modules/.package-lock.json: tests/fhir/package-lock.json
	@cd tests/fhir && npm ci

# Puts small mistakes into what differs from BASE, one at a time, and prints how many the tests notice; with WHOLE=1
# into all of `domain` and what `sync` decides, SHARE=0/8 into an eighth of it. What they miss
# is in local/.state/mutants/mutants.out/missed.txt.
mutants: need-nextest need-mutants
	@$(STACK) exec -- $(PYTHON) local/mutants.py $(if $(WHOLE),whole,change $(BASE)) $(SHARE)

# All that is slow; first every test, also with named statements and through the pooler; ten times the random cases,
# 5,000 messages in an evening, 25 of schemathesis's examples an operation, 1,000 histories of the phone's client; each
# of the fuzzer's targets for a minute.
nightly: nightly-tests
	@$(MAKE) --no-print-directory mutants WHOLE=1
nightly-tests: export NIGHTLY = 1
nightly-tests: export RUNS := $(or $(RUNS),1000)
nightly-tests: test-rust test-end-to-end test-watermelon
	@DB_STATEMENTS=named $(STACK) exec -- $(NEXTEST) -E 'package(tests)'
	@$(STACK) exec --pooled -- $(NEXTEST) -E 'package(tests)'
	@$(MAKE) --no-print-directory fuzz

# Fuzzes what reads strangers' bytes, each of fuzz/targets for SECONDS_EACH, two at a time, or one TARGET_NAME:
# fuzz/README.md. What is found anew lands in fuzz/target, with each one's log; what makes one fail, in fuzz/artifacts.
CARGO_FUZZ = PATH="$(CURDIR)/local/.tools/bin:$$PATH" cargo fuzz
FUZZ_TARGETS = $(or $(TARGET_NAME),$(patsubst fuzz/targets/%.rs,%,$(wildcard fuzz/targets/*.rs)))
fuzz:
	@sh local/need cargo-fuzz 0.13.2
	@$(CARGO_FUZZ) build -s none $(TARGET_NAME)
	@printf '%s\n' $(FUZZ_TARGETS) | xargs -P 2 -I TARGET sh -c \
	  'mkdir -p fuzz/target/found/TARGET && $(CARGO_FUZZ) run -s none TARGET fuzz/target/found/TARGET \
	    fuzz/corpus/TARGET -- -max_total_time=$(SECONDS_EACH) -max_len=16384 -timeout=10 -rss_limit_mb=1024 \
	    -print_final_stats=1 > fuzz/target/TARGET.log 2>&1 && echo "TARGET: nothing found." || \
	    { tail -n 40 fuzz/target/TARGET.log; echo "TARGET: failed."; exit 1; }'

seed: ; @echo "SEED=$(SEED) repeats the random histories of this run."
need-nextest: ; @sh local/need cargo-nextest 0.9.143
need-mutants: ; @sh local/need cargo-mutants 27.1.0

# Measures every path against the bare SQL for the same rows, beside its budget, and writes the tables of
# docs/measurements.md. A release build comes first: about ten minutes. QUICK=1 takes a build of half the time, a small
# agency and few rounds; PATH_FILTER=push only the paths named so; LARGE=1 adds an agency of two million visits
# and a log of ten million entries (LARGE=200000 LOG_ROWS=1000000: a smaller one).
bench: $(BENCH_NODE)/node_modules/.package-lock.json
	@cargo build --profile $(BENCH_PROFILE) --workspace --bins --example bench
	@$(STACK) exec -- $(TARGET)/$(BENCH_PROFILE)/examples/bench
$(BENCH_NODE)/node_modules/.package-lock.json: $(BENCH_NODE)/package-lock.json
	@cd $(BENCH_NODE) && npm ci

# Measures the commit BASE and this tree in turn, and fails where this tree is slower by more than the noise.
bench-check: $(BENCH_NODE)/node_modules/.package-lock.json
	@sh local/bench-check $(BASE) $(TARGET) $(BENCH_PROFILE)

# Format, lints, licences, the scripts' unit tests, and what can be checked of a deployment without an account.
check: check-rust check-rest
check-rust:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
check-rest:
	@sh local/deny
	@$(PYTHON) -m unittest discover --start-directory local/unit
	@$(STACK) checks

# Installs the pre-commit hook, which takes seconds: format, Python, line lengths, secrets.
hooks: ; @git config core.hooksPath local/hooks

# Writes the OpenAPI document that `health` serves. To a temporary file first, as a failed build would leave it empty.
openapi:
	@mkdir -p $(STATE)
	@cargo run --quiet --example openapi > $(STATE)/openapi.json
	@mv $(STATE)/openapi.json functions/health/openapi.json

# Writes the schema module for the phone app.
mobile:
	@mkdir -p $(STATE)
	@cargo run --quiet --example mobile > $(STATE)/schema.js
	@mv $(STATE)/schema.js docs/mobile/schema.js

# Prints the database as one page: tables, who may read and write them, what runs on them; and the functions.
schema: ; @$(STACK) exec -- cargo run --quiet --example schema

# Builds the functions for Lambda, each target/lambda/<function>/bootstrap.zip, and fails when a binary is over 12 MB;
# beside each, what is in it (sbom.cdx.json).
# Needs `rustup target add aarch64-unknown-linux-gnu` once.
build:
	@$(STACK) tools -- cargo lambda build --release --arm64 --output-format zip
	@$(PYTHON) local/sizes.py $(TARGET)/lambda
	@$(STACK) tools -- python delivery/sbom.py

# Deploys what `build` built to ENV, staging or production, with the caller's AWS credentials; migrations first.
deploy: ; @$(STACK) deploy $(ENV)

# The same in an emergency: all traffic at once, without the canary, and so without an alarm that takes it back.
deploy-at-once: ; @$(STACK) deploy $(ENV) --at-once

# Which version of each function serves ENV now, and served before; and back to the note TO of those.
versions: ; @$(STACK) tools -- python delivery/versions.py $(ENV)
rollback: ; @$(STACK) tools -- python delivery/versions.py $(ENV) $(TO)

# Removes from ENV's database what only the previous release needed; docs/runbooks/release.md says when.
contract: ; @$(STACK) tools -- python delivery/contract.py $(ENV)

# Opens an agency and invites its admin by SMS: NAME, TIME_ZONE, ADMIN_EMAIL, ADMIN_PHONE; on the local stack, or in
# ENV. The others name an AGENCY by the id that `agencies` lists: a new NAME, nobody gets in, they do again, kept for
# YEARS.
AGENCIES = $(STACK) tools -- python delivery/agencies.py $(if $(findstring command,$(origin ENV)),$(ENV),local)
agency: ; @$(AGENCIES) create
agencies: ; @$(AGENCIES) list
rename-agency: ; @$(AGENCIES) rename
suspend-agency: ; @$(AGENCIES) suspend
resume-agency: ; @$(AGENCIES) resume
set-retention: ; @$(AGENCIES) set-retention

# Smoke test of what serves at URL; changes nothing there.
smoke: ; @$(PYTHON) delivery/smoke.py $(URL)

# Exercises the runbooks that can be automated, against services of their own.
drill: ; @$(STACK) exec --serve -- python local/drill

# Recomputes the audit log's chain: of the running stack; or, with DATABASE_URL and the folder ANCHORS of files from the
# anchors bucket, of a copy of the database, believing nothing of it but its rows.
verify-audit:
	@$(if $(ANCHORS),cargo run --quiet --example verify_audit,$(STACK) tools -- $(INVOKE) --data-file \
	  events/jobs/audit-verify.json jobs)

# Sends events/<function>/*.json, or only EVENT, to a function of the running stack.
invoke-%: ; @$(STACK) tools -- sh -c 'for event in events/$*/$(EVENT).json; do $(INVOKE) --data-file "$$event" $*; done'

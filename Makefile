PYTHON ?= python3
PORT ?= 9000
LOCAL_CONCURRENCY ?= 2
CLIENTS ?= 2000
VISITS ?= 200000
EVENT ?= *
STACK = $(PYTHON) local/stack
TOOLS = PATH="$(CURDIR)/local/.venv/bin:$$PATH"

.PHONY: start demo reset test

# Serve every function on demo data at http://127.0.0.1:9000/v1 until Ctrl-C.
start: ; @$(STACK) start --port $(PORT) --concurrency $(LOCAL_CONCURRENCY)

# Load a large set of demo data, also beside a running stack.
demo: ; @$(STACK) demo -- --clients $(CLIENTS) --visits $(VISITS)

# Remove the data that `make start` keeps.
reset: ; @$(STACK) reset

test:
	@$(STACK) exec -- cargo nextest run --workspace

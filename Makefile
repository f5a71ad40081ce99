PYTHON ?= python3
STACK = $(PYTHON) local/stack

.PHONY: reset test

reset: ; @$(STACK) reset
test: ; @$(STACK) exec -- cargo nextest run --workspace

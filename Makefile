# jkbridge: every target sets up what it needs in .venv by itself (tools/setup.py); the second time that is a glance.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

# A variable counts only when given to make itself: machines have a PORT or CONFIG of their own in the environment.
given = $(if $(filter command,$(firstword $(origin $(1)))),$($(1)))

PORT_ := $(call given,PORT)
BROKER_ := $(call given,BROKER)
PACKS_ := $(call given,PACKS)
CONFIG_ := $(call given,CONFIG)
ARGS_ := $(call given,ARGS)
FRAMES_ := $(call given,FRAMES)
JOBS_ := $(or $(call given,JOBS),3)

run_flags := $(if $(PORT_),--port '$(PORT_)') $(if $(BROKER_),--broker '$(BROKER_)') \
	$(if $(PACKS_),--packs '$(PACKS_)') $(if $(CONFIG_),--config '$(CONFIG_)') $(ARGS_)
# With a broker of one's own nothing more is needed; otherwise the embedded one is installed too.
own_broker = $(strip $(BROKER_)$(JKBRIDGE_MQTT_HOST)$(findstring --broker,$(ARGS_))$(if $(CONFIG_),$(shell \
	grep -sv '^ *\#' '$(CONFIG_)' | grep -Eq '(^|[^a-z_])(mqtt_)?host"? *[=:]' && echo yes)))

.PHONY: help run test lint bench size clean setup-run setup-demo setup-test

help: ## this text
	@echo 'jkbridge: JK PB-series batteries on RS485 -> MQTT -> Home Assistant'
	@echo
	@echo '  make run      run the bridge; with nothing given: two simulated packs, its own broker, a live table'
	@echo '                make run PORT=/dev/ttyUSB0 BROKER=192.168.1.10 [PACKS=1-4] [CONFIG=file] [ARGS="--log debug"]'
	@echo '  make test     all tests, on CPython and on MicroPython; [FRAMES=dir] for recordings of your own, [ARGS="-k word"]'
	@echo '                three files of tests side by side, for most of them wait; [JOBS=0] one behind the other'
	@echo '  make lint     ruff and mypy'
	@echo '  make bench    speed and memory figures as a table'
	@echo '  make size     size of the compiled firmware by module'
	@echo '  make clean    remove .venv and everything that was built'
	@echo
	@echo 'Needs python3 >= 3.11 with venv (Debian: python3 python3-venv). PYTHON=/path/to/python3 chooses another one.'

setup-run setup-demo setup-test: setup-%:
	@command -v '$(PYTHON)' >/dev/null || { echo 'jkbridge set-up: there is no $(PYTHON) on this machine.' \
		'Install it: sudo apt install python3 python3-venv' >&2; exit 1; }
	@'$(PYTHON)' tools/setup.py $*

run: $(if $(own_broker),setup-run,setup-demo)
	@$(BIN)/jkbridge run $(run_flags)

test: setup-test
	$(if $(FRAMES_),JKBRIDGE_FRAMES='$(abspath $(FRAMES_))') $(BIN)/python -m pytest -n $(JOBS_) --dist loadfile $(ARGS_)

lint: setup-test
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: setup-test
	@$(BIN)/python tools/bench.py $(ARGS_)

size: setup-test
	@$(BIN)/python tools/size.py $(ARGS_)

clean:
	rm -rf .venv build dist tests/wasm/node_modules .pytest_cache .ruff_cache .mypy_cache .hypothesis
	rm -rf *.egg-info firmware/*.egg-info host_shim/*.egg-info
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

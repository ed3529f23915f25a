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
JOBS_ := $(or $(call given,JOBS),2)
BOARD_ := $(call given,BOARD)
FIRMWARE_ := $(call given,FIRMWARE)

run_flags := $(if $(PORT_),--port '$(PORT_)') $(if $(BROKER_),--broker '$(BROKER_)') \
	$(if $(PACKS_),--packs '$(PACKS_)') $(if $(CONFIG_),--config '$(CONFIG_)') $(ARGS_)
# With a broker of one's own nothing more is needed; otherwise the embedded one is installed too.
own_broker = $(strip $(BROKER_)$(JKBRIDGE_MQTT_HOST)$(findstring --broker,$(ARGS_))$(if $(CONFIG_),$(shell \
	grep -sv '^ *\#' '$(CONFIG_)' | grep -Eq '(^|[^a-z_])(mqtt_)?host"? *[=:]' && echo yes)))

device = @PYTHONPATH=tools $(BIN)/python -m device
port_flag = $(if $(PORT_),--port '$(PORT_)')
board_flags = $(if $(BOARD_),--board '$(BOARD_)') $(port_flag)

.PHONY: help run test lint bench size clean flash deploy config repl device-log boards
.PHONY: setup-run setup-demo setup-device setup-test

help: ## this text
	@echo 'jkbridge: JK PB-series batteries on RS485 -> MQTT -> Home Assistant'
	@echo
	@echo '  make run      run the bridge; with nothing given: two simulated packs, its own broker, a live table'
	@echo '                make run PORT=/dev/ttyUSB0 BROKER=192.168.1.10 [PACKS=1-4] [CONFIG=file] [ARGS="--log debug"]'
	@echo '  make test     all tests, on CPython and on MicroPython; [FRAMES=dir] for recordings of your own, [ARGS="-k word"]'
	@echo '                two files of tests side by side, for most of them wait; [JOBS=0] one behind the other'
	@echo '  make lint     ruff and mypy'
	@echo '  make bench    speed and memory figures as a table'
	@echo '  make size     size of the compiled firmware by module'
	@echo
	@echo '  On a microcontroller (PORT may be left out when one adapter is there):'
	@echo '  make boards                                     the boards that are known, and how they are wired'
	@echo '  make flash BOARD=... PORT=... FIRMWARE=x.bin    MicroPython onto an ESP32; ARGS=--erase empties it first'
	@echo '  make deploy BOARD=... PORT=...                  install jkbridge, or update it; the configuration is kept'
	@echo '  make config BOARD=... PORT=...                  WiFi, broker, TLS, bus, packs; or [CONFIG=config.json]'
	@echo '  make device-log PORT=...                        what the device says; it is not disturbed'
	@echo '  make repl PORT=...                              the prompt of MicroPython on the device'
	@echo
	@echo '  make clean    remove .venv and everything that was built'
	@echo
	@echo 'Needs python3 >= 3.11 with venv (Debian: python3 python3-venv). PYTHON=/path/to/python3 chooses another one.'

setup-run setup-demo setup-device setup-test: setup-%:
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

flash: setup-device
	$(device) flash $(board_flags) $(if $(FIRMWARE_),--firmware '$(FIRMWARE_)') $(ARGS_)

deploy: setup-device
	$(device) deploy $(board_flags) $(ARGS_)

config: setup-device
	$(device) config $(board_flags) $(if $(CONFIG_),--file '$(CONFIG_)') $(ARGS_)

repl: setup-device
	$(device) repl $(port_flag)

device-log: setup-device
	$(device) log $(port_flag)

boards: setup-run
	$(device) boards

clean:
	rm -rf .venv build dist tests/wasm/node_modules .pytest_cache .ruff_cache .mypy_cache .hypothesis
	rm -rf *.egg-info firmware/*.egg-info host_shim/*.egg-info
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

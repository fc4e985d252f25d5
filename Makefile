# `make demo` and `make test` need Python 3.11 or later, git and make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Threads of the numerical libraries in one process.
THREADS ?= $(shell nproc 2>/dev/null || echo 2)
# The versions of KNIME that `make test-knime` imitates, and the Python of each; those are left out that are not there.
PYTHON_5.10 ?= python3.11
PYTHON_5.11 ?= python3.13
KNIME ?= $(foreach version,5.10 5.11,$(if $(shell $(PYTHON_$(version)) -c "print(1)" 2>/dev/null),$(version)))
export NUMBA_CACHE_DIR ?= $(CURDIR)/$(VENV)/numba

.PHONY: demo test lint format workflows icons reference pictures tutorial simulated dialogs dialog-renderer bundle test-knime bench bench-large study-nuclei study-encoders study-transfer study-adaptation study-nmj weights clean

demo: $(READY)  ## Train, apply, count and score on real nuclei, through the first template workflow.
	$(BIN)/microseg run workflows/01_Train_and_count_nuclei --out out/demo

test: $(READY)  ## The whole suite.
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

lint: $(READY)  ## Style, types, and who may import whom.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)  ## Put the code into the project's style.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

workflows: $(READY)  ## Write the template workflows and components anew, and as archives for KNIME into out/knwf.
	$(BIN)/python workflows/generate.py

icons: $(READY)  ## Draw the icons anew.
	$(BIN)/python icons/draw.py

reference: $(READY)  ## Write the reference of the nodes anew, after any change of a description or a setting.
	$(BIN)/python docs/reference.py

pictures: demo  ## Draw the README's pictures anew.
	$(BIN)/python docs/pictures.py

tutorial: $(READY)  ## Follow docs/tutorial.md to the letter and take its pictures; needs Chromium.
	PYTHONPATH=. $(BIN)/python docs/tutorial.py

simulated: $(READY)  ## Draw the page of simulated images anew, and measure how long they take.
	OMP_NUM_THREADS=1 $(BIN)/python docs/simulated.py

dialogs: $(READY) dialog-renderer  ## Draw the dialogs of all nodes anew; as KNIME describes them now, where KNIME_PYTHON_SOURCE is set.
ifdef KNIME_PYTHON_SOURCE
	$(BIN)/pip install -q -c constraints.txt -e '.[knime]'
	MICROSEG_BACKEND=knime $(BIN)/python -W ignore -m tests.dialogs.record
endif
	$(BIN)/python -m tests.dialogs.draw

dialog-renderer: tests/dialogs/node_modules/.ready  ## KNIME's renderer of dialogs, for their tests; needs npm.

bundle: $(READY)  ## What KNIME's bundler makes an update site of, in out/bundle, checked.
	$(BIN)/python -m tools.bundle

test-knime: $(addprefix test-knime-,$(KNIME))  ## The nodes in KNIME's own Python backend, with what KNIME 5.10 and 5.11 bring along.
	@test -n "$(KNIME)" || { echo "There is none of $(PYTHON_5.10) and $(PYTHON_5.11); set PYTHON_5.10 or PYTHON_5.11."; exit 2; }

test-knime-%: .venv-knime-%/.ready
	@test -n "$(KNIME_PYTHON_SOURCE)" || { echo "Set KNIME_PYTHON_SOURCE to a git folder or tree of knime/knime-python."; exit 2; }
	KNIME_PYTHON_REVISION=analytics-platform/$*.0 .venv-knime-$*/bin/python -W ignore tests/knime_backend/harness.py .
	KNIME_PYTHON_REVISION=analytics-platform/$*.0 NUMBA_CACHE_DIR=$(CURDIR)/.venv-knime-$*/numba MICROSEG_BACKEND=knime OMP_NUM_THREADS=$(THREADS) \
		.venv-knime-$*/bin/pytest -W default tests/nodes tests/dialogs tests/knime_backend

# KNIME's versions, and of constraints.txt those that these leave open.
.venv-knime-%/.ready: tests/knime_backend/knime-%.txt pyproject.toml constraints.txt
	$(PYTHON_$*) -m venv .venv-knime-$*
	awk -F'[=<>]' 'NR == FNR {own[tolower($$1)] = 1; print; next} !(tolower($$1) in own)' \
		tests/knime_backend/knime-$*.txt constraints.txt > .venv-knime-$*/pins.txt
	.venv-knime-$*/bin/pip install -q -c .venv-knime-$*/pins.txt torch==2.13.0
	.venv-knime-$*/bin/pip install -q -c .venv-knime-$*/pins.txt -e '.[onnx,imagenet,knime]' pytest hypothesis
	@touch $@

.PRECIOUS: .venv-knime-%/.ready

bench: $(READY)  ## Speed and memory beside StarDist-TF; writes benchmarks/RESULTS.md.
	$(BIN)/python benchmarks/run.py

bench-large: $(READY)  ## Large images: memory, interruptions, StarDist beside it; an hour; after `make bench`.
	$(BIN)/python benchmarks/large.py

study-nuclei: $(READY)  ## The DSB2018 study; DATA is the folder with dsb2018_fluo and dsb2018_other.
	@test -n "$(DATA)" || { echo "Set DATA to the folder that holds dsb2018_fluo and dsb2018_other."; exit 2; }
	$(BIN)/python studies/nuclei/run.py "$(DATA)"

study-encoders: $(READY)  ## Encoders that know ImageNet beside random ones, on the first template's images.
	$(BIN)/python studies/encoders/run.py

study-adaptation: $(READY)  ## Mitochondria of one electron microscope on the images of another; DATA holds vnc and lucchi.
	@test -n "$(DATA)" || { echo "Set DATA to the folder that holds vnc/stack1_im.tif and lucchi/train_im.tif."; exit 2; }
	PYTHONPATH=. $(BIN)/python -m studies.domain_adaptation.run "$(DATA)" $(ARGUMENTS)
	PYTHONPATH=. $(BIN)/python -m studies.domain_adaptation.report "$(DATA)"

study-nmj: $(READY)  ## Neuromuscular junctions with few labels or none; DATA holds nmj and cfos. Three hours on one thread.
	@test -n "$(DATA)" || { echo "Set DATA to the folder that holds nmj/index.csv and cfos/patchvolume_1008_0_raw.tif."; exit 2; }
	OMP_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python -m studies.nmj.run "$(DATA)/nmj" $(ARGUMENTS)
	OMP_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python -m studies.nmj.heads "$(DATA)/nmj" $(ARGUMENTS)
	OMP_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python -m studies.nmj.volumes "$(DATA)/cfos" $(ARGUMENTS)
	PYTHONPATH=. $(BIN)/python -m studies.nmj.report

study-transfer: $(READY)  ## What pretraining is worth with few images; DATA as for study-nuclei, and usiigaci_t98g_phase.
	@test -n "$(DATA)" || { echo "Set DATA to the folder that holds dsb2018_fluo, dsb2018_other, usiigaci_t98g_phase."; exit 2; }
	$(BIN)/python -m studies.transfer.run "$(DATA)" $(ARGUMENTS)
	$(BIN)/python -m studies.transfer.report
	$(BIN)/python -m studies.transfer.advice "$(DATA)"

weights: $(READY)  ## Train the models that come with the extension, an hour on one thread; DATA as for study-nuclei.
	@test -n "$(DATA)" || { echo "Set DATA to the folder that holds dsb2018_fluo and dsb2018_other."; exit 2; }
	OMP_NUM_THREADS=1 $(BIN)/python -m weights.train "$(DATA)"

clean:
	rm -rf $(VENV) .venv-knime-* out build *.egg-info tests/dialogs/node_modules

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --upgrade pip
	$(BIN)/pip install -q -c constraints.txt torch==2.13.0
	$(BIN)/pip install -q -c constraints.txt -e '.[onnx,imagenet,dev]'
	@touch $(READY)

tests/dialogs/node_modules/.ready: tests/dialogs/package-lock.json
	npm ci --prefix tests/dialogs --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

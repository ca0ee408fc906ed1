# `make help` lists the targets. All they make lies in .venv, .deps, build, dist and demo.
PYTHON ?= python3
VENV := .venv/bin
# Prints the library inside the onnxruntime package, which the programs here load.
FIND_ONNXRUNTIME := from demucs_native._runtime import onnxruntime_library as find; print(find() or str())
CLI := build/release/demucs_ort_cli
DEMO_MODEL := build/demo_model/htdemucs_demo.onnx
WHEEL_STAMP := build/wheel.stamp
CPP_SOURCES := $(wildcard $(shell git ls-files "cpp/*.h" "cpp/*.hpp" "cpp/*.cpp") tests/cpp/*.c* tests/fuzz/*.[ch]pp examples/*.c* python/*.[ch]pp)
WHEEL_SOURCES := $(CPP_SOURCES) CMakeLists.txt cpp/files/CMakeLists.txt python/CMakeLists.txt cmake/Findonnxruntime.cmake pyproject.toml \
                 $(wildcard python/demucs_native/*.py* python/demucs_native/*.json */demucs_*/*.py) $(DEMO_MODEL)

.PHONY: help setup build demo test sanitize fuzz lint format stubs clean
help:
	@echo "make demo     separate a song, say where the stems are, how good, how fast (SONG=file MODEL=file.onnx: yours)"
	@echo "make test     set up, build, check style and types, run the C++ and the Python tests"
	@echo "make build    set up and build $(CLI), the library, and demucs_native and demucs-export in .venv"
	@echo "make sanitize build and run the C++ tests with AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer"
	@echo "make fuzz     feed mutated inputs to every fuzz target (SECONDS=600 each); needs clang"
	@echo "make lint     only the style and type checks"
	@echo "make format   lay out the C++ and Python code"
	@echo "make stubs    regenerate python/demucs_native/_core.pyi"
	@echo "make clean    delete what was built; keeps .venv and the demo's stems"

setup: .venv/ready
	@scripts/install_system_packages.sh

.venv/ready: constraints.txt pyproject.toml
	@PYTHON=$(PYTHON) scripts/install_system_packages.sh
	@echo "Setting up .venv (a few minutes the first time)"
	@$(PYTHON) -m venv .venv
	@$(VENV)/pip install -q -c constraints.txt scikit-build-core pybind11 setuptools numpy cython
	@$(VENV)/pip install -q -c constraints.txt --no-build-isolation '.[test]'
	@touch $@

# From the source folder: the wheel, which brings demucs-export, holds this file.
$(DEMO_MODEL): .venv/ready $(wildcard export/demucs_export/*)
	@echo "Exporting the demo model"
	@PYTHONPATH=export $(VENV)/python -m demucs_export.cli htdemucs_demo -o $(@D) >build/demo_model.log

# Tests and demo use what a user would install: the wheel.
$(WHEEL_STAMP): .venv/ready $(WHEEL_SOURCES)
	@rm -rf dist
	@$(VENV)/pip wheel -q . --no-deps --no-build-isolation --wheel-dir dist \
	  -C cmake.define.DEMUCS_ORT_DEMO_MODEL="$(CURDIR)/$(DEMO_MODEL)"
	@$(VENV)/pip install -q --no-deps --force-reinstall dist/*.whl
	@touch $@

build: setup $(WHEEL_STAMP)
	@cmake --preset release --log-level=WARNING -DDEMUCS_ORT_BUILD_LIVE=ON -DPython_EXECUTABLE="$(CURDIR)/$(VENV)/python" \
	  -DDEMUCS_ORT_DEMO_MODEL="$(CURDIR)/$(DEMO_MODEL)" \
	  -DDEMUCS_ORT_DEFAULT_ONNXRUNTIME="$$($(VENV)/python -c "$(FIND_ONNXRUNTIME)")" >/dev/null
	@cmake --build --preset release -- --quiet

demo: build
	@$(VENV)/python scripts/demo.py $(if $(SONG),--song "$(SONG)") $(if $(MODEL),--model "$(MODEL)")

# An ONNX Runtime that has OpenVINO, for the tests of that provider; its package exists for few platforms.
build/openvino/ready: .venv/ready
	@rm -rf $(@D); mkdir -p $(@D)
	@[ "$$(uname -sm)" != "Linux x86_64" ] || \
	  $(VENV)/pip install -q -c constraints.txt --no-deps --target $(@D) onnxruntime-openvino
	@touch $@

# The oldest ONNX Runtime that docs/models.md claims.
build/oldest_onnxruntime/ready: .venv/ready
	@rm -rf $(@D); mkdir -p $(@D)
	@$(VENV)/pip install -q --no-deps --target $(@D) onnxruntime==1.21.0
	@touch $@

test: build build/openvino/ready build/oldest_onnxruntime/ready
	@$(VENV)/python scripts/run_tests.py

# Some minutes of building, so no part of `test`; CI runs both beside it.
sanitize: $(WHEEL_STAMP)
	@$(VENV)/python scripts/check_library.py asan
	@$(VENV)/python scripts/check_library.py tsan

SECONDS ?= 600
fuzz: $(WHEEL_STAMP)
	@PYTHON=$(PYTHON) scripts/install_system_packages.sh clang
	@$(VENV)/python scripts/run_fuzzers.py --seconds $(SECONDS)

lint: setup
	@$(VENV)/python scripts/run_tests.py --only lint

format: setup
	@$(VENV)/clang-format -i $(CPP_SOURCES)
	@$(VENV)/ruff check -q --fix . ; $(VENV)/ruff format -q .

stubs: $(WHEEL_STAMP)
	@$(VENV)/python scripts/make_stubs.py python

clean:
	rm -rf build dist

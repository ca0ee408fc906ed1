# `make help` lists the targets. All they make lies in .venv, .deps, build, dist, demo, and node_modules and dist of web.
PYTHON ?= python3
VENV := .venv/bin
CLI := build/release/demucs_ort_cli
WHEEL := build/wheel.stamp
INSTALLED := build/installed.stamp
CPP_SOURCES := $(wildcard $(shell git ls-files "cpp/*.h" "cpp/*.hpp" "cpp/*.cpp" "plugin/*.[ch]pp") tests/cpp/*.c* tests/fuzz/*.[ch]pp \
               tests/plugin/*.[ch]pp examples/*.c* examples/*/*.[ch]pp python/*.[ch]pp)
WHEEL_SOURCES := $(wildcard $(shell git ls-files cpp/include cpp/src cpp/files cpp/app cpp/cli cmake python) CMakeLists.txt pyproject.toml README.md \
                 demo_model/htdemucs_demo.onnx)
# Prints the library inside the onnxruntime package, which the programs here load.
FIND_ONNXRUNTIME := from _runtime import onnxruntime_library as find; print(find() or str())
find_onnxruntime = $$(PYTHONPATH=python/demucs_native $(VENV)/python -c "$(FIND_ONNXRUNTIME)")
# All files of a target are compiled as one, in two thirds of the processor time.
AT_ONCE := --config-settings cmake.define.CMAKE_UNITY_BUILD=ON --config-settings cmake.define.CMAKE_UNITY_BUILD_BATCH_SIZE=0
# What is downloaded is downloaded while the compiler runs.
MAKEFLAGS += --jobs=2

.PHONY: help demo test build plugin setup demo-model sanitize fuzz lint format stubs clean web web-serve web-test cluster-test official platforms
help:
	@echo "make demo       separate a song, say where the stems are, how good, how fast (SONG=file MODEL=file.onnx: yours)"
	@echo "make test       set up what testing needs, build, check style and types, run the tests in C++, Python and a browser"
	@echo "make plugin     build the LV2, CLAP and VST3 plug-ins and run their tests"
	@echo "make cluster-test  kill actors, nodes and drivers of a Ray cluster of several nodes on this machine"
	@echo "make official   run Meta's weights through all of it and write a report (SONG=file MUSDB=folder OUT=folder MODELS=\"...\")"
	@echo "make platforms  build and run it for other systems, as far as this one can (ONLY=\"windows arm64 ...\")"
	@echo "make setup      set up .venv with PyTorch and the tools, and build the program"
	@echo "make build      set up the same and build the programs, the library, and demucs_native and demucs-export in .venv"
	@echo "make demo-model make demo_model/htdemucs_demo.onnx, its song and calibration.ogg again"
	@echo "make sanitize   build and run the C++ tests with AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer"
	@echo "make fuzz       feed mutated inputs to every fuzz target (SECONDS=600 each); needs clang"
	@echo "make lint       only the style and type checks"
	@echo "make format     lay out the C++, Python and TypeScript code"
	@echo "make stubs      regenerate python/demucs_native/_core.pyi"
	@echo "make web        build the page that separates in a browser: web/page/dist, which any web server can serve"
	@echo "make web-serve  build that page and serve it on http://127.0.0.1:4173"
	@echo "make web-test   build, check and test engine and page in a real browser, a long song and WebGPU too"
	@echo "make clean      delete what was built; keeps .venv and the demo's stems"

# What demo needs. PyTorch, the exporter and the synthesiser are not among it.
demo: $(INSTALLED)
	@$(VENV)/python scripts/demo.py $(if $(SONG),--song "$(SONG)") $(if $(MODEL),--model "$(MODEL)")

.venv/tools: constraints.txt pyproject.toml scripts/install_system_packages.sh
	@PYTHON=$(PYTHON) scripts/install_system_packages.sh demo
	@echo "Setting up .venv"
	@$(PYTHON) -m venv .venv
	@$(VENV)/pip install -q -c constraints.txt --no-compile --upgrade pip
	@$(VENV)/pip install -q -c constraints.txt --no-compile --group build
	@touch $@

.venv/demo: .venv/tools
	@$(VENV)/pip install -q -c constraints.txt --no-compile --group demo
	@touch $@

# One build makes the program and the module. Demo and tests use what a user would install: the wheel.
$(WHEEL): .venv/tools $(WHEEL_SOURCES)
	@echo "Building $(CLI) and the module demucs_native"
	@rm -rf dist
	@$(VENV)/pip wheel -q . --no-deps --no-build-isolation --wheel-dir dist --config-settings build-dir=build/release \
	  --config-settings "build.targets=_core;demucs_ort_cli" --config-settings cmake.define.DEMUCS_ORT_BUILD_CLI=ON \
	  --config-settings cmake.define.DEMUCS_ORT_INSTALL=ON $(AT_ONCE) $(STRICT)
	@touch $@

# The program learns where the library that it loads was installed meanwhile: one file is compiled again.
$(INSTALLED): $(WHEEL) .venv/demo
	@$(VENV)/pip install -q --no-deps --force-reinstall dist/*.whl
	@cmake build/release --log-level=WARNING -DDEMUCS_ORT_DEFAULT_ONNXRUNTIME="$(find_onnxruntime)" >/dev/null
	@cmake --build build/release --target demucs_ort_cli -- --quiet
	@touch $@

# What everything else needs, on top. Benchmarks and demo_model are run from here and in no package.
setup: .venv/test
	@PYTHON=$(PYTHON) scripts/install_system_packages.sh test

.venv/test: constraints.txt pyproject.toml export/pyproject.toml cluster/pyproject.toml .venv/demo | $(INSTALLED)
	@PYTHON=$(PYTHON) scripts/install_system_packages.sh test
	@echo "Setting up .venv for the tests (a few minutes the first time)"
	@$(VENV)/pip install -q -c constraints.txt setuptools cython hatchling
	@$(VENV)/pip install -q -c constraints.txt --no-build-isolation --group test -e './export[cpu]' \
	  -e './cluster[ray,plot,s3]'
	@printf '%s\n' "$(CURDIR)/demo_model" "$(CURDIR)/benchmarks" \
	  >"$$($(VENV)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/demucs_ort_checkout.pth"
	@touch $@

# Warnings are errors for those who develop, from the first file on.
build plugin test cluster-test sanitize fuzz lint format stubs demo-model: STRICT := --config-settings cmake.define.DEMUCS_ORT_WARNINGS_AS_ERRORS=ON

build: setup $(INSTALLED)
	@cmake --preset test --log-level=WARNING -DDEMUCS_ORT_BUILD_LIVE=ON -DDEMUCS_ORT_BUILD_PLUGIN=ON \
	  -DPython_EXECUTABLE="$(CURDIR)/$(VENV)/python" \
	  -DDEMUCS_ORT_DEFAULT_ONNXRUNTIME="$(find_onnxruntime)" >/dev/null
	@cmake --build --preset test -- --quiet

plugin: build
	@ctest --preset test -L plugin
	@$(VENV)/python -m pytest -q tests/python/test_plugin*.py

demo-model: setup $(INSTALLED)
	@$(VENV)/python demo_model/remake.py

# An ONNX Runtime that has OpenVINO, for the tests of that provider; its package exists for few platforms.
build/openvino/ready: .venv/tools
	@rm -rf $(@D); mkdir -p $(@D)
	@[ "$$(uname -sm)" != "Linux x86_64" ] || \
	  $(VENV)/pip install -q -c constraints.txt --no-deps --target $(@D) onnxruntime-openvino
	@touch $@

# OpenVINO as a library that the present ONNX Runtime loads; its package exists for the same platforms.
build/openvino_plugin/ready: .venv/tools
	@rm -rf $(@D); mkdir -p $(@D)
	@[ "$$(uname -sm)" != "Linux x86_64" ] || \
	  $(VENV)/pip install -q -c constraints.txt --no-deps --target $(@D) onnxruntime-ep-openvino
	@touch $@

# The oldest ONNX Runtime that docs/models.md claims.
build/oldest_onnxruntime/ready: .venv/tools
	@rm -rf $(@D); mkdir -p $(@D)
	@$(VENV)/pip install -q --no-deps --target $(@D) onnxruntime==1.21.0
	@touch $@

# The packages of web/. No program that they bring along is run while they are installed.
WEB := web/node_modules/.package-lock.json
$(WEB): web/package.json web/package-lock.json web/engine/package.json web/page/package.json
	@PYTHON=$(PYTHON) scripts/install_system_packages.sh web
	@cd web && npm ci --ignore-scripts --no-progress --silent
	@touch $@

web: $(WEB)
	@npm --prefix web run --silent build

web-serve: web
	@npm --prefix web run --silent serve

web-test: setup $(INSTALLED) $(WEB)
	@$(VENV)/python scripts/run_tests.py --only web
	@npm --prefix web run --silent test:long

test: build $(WEB) build/openvino/ready build/openvino_plugin/ready build/oldest_onnxruntime/ready
	@$(VENV)/python scripts/run_tests.py

# Some minutes of killing and starting, so no part of `test`, which has a short form.
cluster-test: build
	@$(VENV)/python -m pytest -q tests/python/test_cluster.py tests/python/test_cluster_ray.py
	@$(VENV)/python -m pytest -q tests/cluster

# Some minutes of building, so no part of `test`; CI runs both beside it.
sanitize: setup $(INSTALLED)
	@$(VENV)/python scripts/check_library.py asan
	@$(VENV)/python scripts/check_library.py tsan

# Downloads the weights once, and takes about an hour; a failure stands in the report.
official: setup $(INSTALLED)
	@$(VENV)/python scripts/official.py $(if $(SONG),--song "$(SONG)") $(if $(MUSDB),--musdb "$(MUSDB)") \
	  $(if $(OUT),--output "$(OUT)") $(if $(MODELS),--models $(MODELS))

# An hour or two of building, in what it makes below build/platforms.
platforms: setup $(INSTALLED)
	@$(VENV)/python platforms/check.py $(ONLY)

SECONDS ?= 600
fuzz: setup $(INSTALLED)
	@PYTHON=$(PYTHON) scripts/install_system_packages.sh test clang libclang-rt-dev
	@$(VENV)/python scripts/run_fuzzers.py --seconds $(SECONDS)

lint: setup
	@$(VENV)/python scripts/run_tests.py --only lint

format: setup $(WEB)
	@$(VENV)/clang-format -i $(CPP_SOURCES)
	@$(VENV)/ruff check -q --fix . ; $(VENV)/ruff format -q .
	@npm --prefix web run --silent format

stubs: setup $(INSTALLED)
	@$(VENV)/python scripts/make_stubs.py python

clean:
	rm -rf build dist web/engine/dist web/page/dist

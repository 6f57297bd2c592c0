# The same few words for people and for CI. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Byte code is worth keeping: without it every start compiles the CDK again.
unexport PYTHONDONTWRITEBYTECODE
# jsii prints an 11-line banner on Node 20 otherwise.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20

.PHONY: help
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/.stamp-python node_modules/.stamp-node  ## Install everything into .venv and node_modules

$(VENV)/.stamp-python: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, '$(PYTHON)' is $$($(PYTHON) -V 2>&1 || true). Set PYTHON=/path/to/python3.11"; exit 2; }
	@echo "==> Python packages into $(VENV) (2 to 3 minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --progress-bar off --require-hashes -r requirements/dev.txt | awk -v all="$$(grep -c == requirements/dev.txt)" \
	  '/^Collecting/ && ++n % 10 == 0 {printf "    %d of at most %d packages\n", n, all} /^Installing/ {print "    installing them"} {fflush()}'
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

node_modules/.stamp-node: package.json package-lock.json
	@node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null || { \
	  echo "Node 20 or newer is needed for the CDK, found: $$(node --version 2>/dev/null || echo none). Install it, or put it first on PATH"; exit 2; }
	@echo "==> CDK command line into node_modules (a few seconds)"
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: demo
demo: setup  ## The main job: a custom resource in, a real chat completion out, on this machine
	@PATH="$(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$$PATH" $(BIN)/hyperpod-inference demo

# The cluster tests mostly wait: two workers, and a cluster is shared by those of one (tests/conftest.py).
WORKERS ?= 2
.PHONY: test
test: setup keda-module  ## All tests: unit, control plane, end to end
	@$(BIN)/hyperpod-inference local prepare
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadgroup $(PYTEST_ARGS)

.PHONY: test-unit
test-unit: setup  ## The tests that need no cluster
	@$(BIN)/python -m pytest -m "not cluster" $(PYTEST_ARGS)

FUZZ_EXAMPLES ?= 20000
.PHONY: fuzz
fuzz: setup  ## Random resources through parse, validate, render and convert (FUZZ_EXAMPLES of them)
	@HYPERPOD_FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(BIN)/python -m pytest tests/operator/api/test_fuzz.py -m "not cluster" \
	  --timeout=0 $(PYTEST_ARGS)

FUZZ_REQUESTS ?= 100000
.PHONY: fuzz-router
fuzz-router: setup  ## Broken requests and broken answers through the router (FUZZ_REQUESTS of each), some minutes
	@HYPERPOD_FUZZ_REQUESTS=$(FUZZ_REQUESTS) $(BIN)/python -m pytest tests/router/test_fuzz.py --timeout=0 $(PYTEST_ARGS)

.PHONY: fields
fields: setup  ## Write the field reference, docs/fields.md, from the models
	@$(BIN)/python -m hyperpod_inference.api.field_reference docs/fields.md

.PHONY: dashboards
dashboards: setup  ## Write the Grafana dashboards from their definitions
	@$(BIN)/python -m hyperpod_charts.dashboards.build

.PHONY: kv-cache
kv-cache: setup  ## Write the table of cache sizes into docs/kv-cache.md
	@$(BIN)/python -m hyperpod_inference.render.kv_cache.reference docs/kv-cache.md

.PHONY: faults
faults: setup  ## The whole fault table, printed and written into docs/faults.md
	@HYPERPOD_FAULTS=all HYPERPOD_FAULTS_REPORT=docs/faults.md $(BIN)/python -m pytest tests/faults -v $(PYTEST_ARGS)

.PHONY: cert-manager
cert-manager: setup  ## The webhook's certificate left to the real cert-manager, built with Go the first time
	@HYPERPOD_CERT_MANAGER=1 $(BIN)/python -m pytest tests/operator/webhook/test_cert_manager.py -v $(PYTEST_ARGS)

PROMETHEUS ?= $(shell command -v prometheus)
PANELS := build/panels.json
.PHONY: prometheus
prometheus: setup  ## Every panel and record asked of a real Prometheus, which scrapes the local cluster under load
	@test -x "$(PROMETHEUS)" || { echo "prometheus is needed (Debian: apt install prometheus), or PROMETHEUS=/path/to/it"; exit 2; }
	@HYPERPOD_PROMETHEUS=$(PROMETHEUS) $(BIN)/python -m pytest tests/e2e/test_prometheus.py -v $(PYTEST_ARGS)

# Environments of their own, for what is large and seldom asked for.
SCAN := $(VENV)/scan
PICTURES := $(VENV)/pictures
$(SCAN)/.stamp $(PICTURES)/.stamp: $(VENV)/%/.stamp: requirements/%.txt
	@echo "==> $< into $(VENV)/$*"
	@$(PYTHON) -m venv --clear $(VENV)/$*
	@$(BIN)/uv pip install --quiet --python $(VENV)/$*/bin/python --require-hashes -r $<
	@touch $@

.PHONY: pictures
pictures: export HYPERPOD_PANELS := $(CURDIR)/$(PANELS)
pictures: setup $(PICTURES)/.stamp  ## The same for some minutes longer, and what the panels showed into docs/pictures
	@mkdir -p $(dir $(PANELS))
	@$(MAKE) --no-print-directory prometheus
	@$(PICTURES)/bin/python charts/hyperpod_charts/dashboards/pictures.py $(PANELS) docs/pictures

HELM ?= $(VENV)/helm/helm
.PHONY: helm
helm: setup $(HELM)  ## The Helm chart in the hands of Helm, HELM=/its/path or built with Go: install, upgrade, uninstall
	@HYPERPOD_HELM=$(abspath $(HELM)) $(BIN)/python -m pytest tests/charts/test_helm_itself.py -v $(PYTEST_ARGS)

$(VENV)/helm/helm: tests/charts/helm/go.mod
	@echo "==> Helm into $(VENV)/helm, built with Go (2 to 4 minutes the first time)"
	@cd tests/charts/helm && GOFLAGS=-mod=readonly GOWORK=off go build -o $(CURDIR)/$@ helm.sh/helm/v3/cmd/helm

.PHONY: keda
keda: setup  ## Scaling with the real KEDA, built with Go the first time, and a real Prometheus (apt install prometheus)
	@HYPERPOD_KEDA=1 HYPERPOD_PROMETHEUS=$(PROMETHEUS) $(BIN)/python -m pytest tests/e2e/scaling -v -s $(PYTEST_ARGS)

# Of no use without Go or a network, and no hindrance: the test that reads it is passed over then.
.PHONY: keda-module
keda-module:
	@cd operator/hyperpod_inference/local/programs/keda && GOFLAGS=-mod=readonly GOWORK=off GOTOOLCHAIN=local \
	  go mod download github.com/kedacore/keda/v2 2>/dev/null || \
	  echo "KEDA's Go module cannot be had: ScaledObjects are not tested against its definition"

.PHONY: check
check: setup  ## Lint, format, types, layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: format
format: setup  ## Rewrite the sources as ruff wants them
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: synth
synth: setup  ## Synthesize the CDK app into cdk.out and say what it would deploy
	@PATH="$(CURDIR)/$(BIN):$$PATH" node_modules/.bin/cdk synth --quiet
	@$(BIN)/python -m hyperpod_constructs.summary cdk.out

.PHONY: terraform
terraform: setup  ## Write the Terraform module's data file from the installation's values
	@$(BIN)/python -m hyperpod_inference.installation.terraform terraform/definition.json

.PHONY: deploy-local
deploy-local: setup  ## Bootstrap, deploy, update and destroy the CDK app with the real cdk, on AWS on loopback
	@PATH="$(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$$PATH" $(BIN)/python -m hyperpod_inference.local.aws.deployment

.PHONY: scan
scan: setup $(SCAN)/.stamp  ## Scan the synthesized templates and the Terraform module with checkov
	@CDK_OUTDIR=cdk.out CDK_VALIDATION=false $(BIN)/python app.py
	@$(SCAN)/bin/python -m checkov.main --directory cdk.out --framework cloudformation --compact --quiet --skip-download
	@$(SCAN)/bin/python -m checkov.main --directory terraform --framework terraform --compact --quiet --skip-download

.PHONY: manifests
manifests: setup  ## Write the manifests into dist/manifests, and a Helm chart into dist/helm
	@$(BIN)/hyperpod-inference manifests --examples --output-dir dist/manifests
	@$(BIN)/hyperpod-inference manifests --helm --output-dir dist/helm

EXTRAS := operator router aws cdk local image dev scan pictures
# The names and the version are those of hyperpod_inference.api.names.
IMAGE_REPOSITORY ?= hyperpod-inference
IMAGE_VERSION = $(shell $(BIN)/python -c 'from hyperpod_inference import __version__; print(__version__)')
# PYTHON_IMAGE is another base than the Dockerfile's, a mirror's; it has Python 3.11 as `python`.
# PUSH=1 sends them to IMAGE_REPOSITORY, with provenance and SBOM attested.
IMAGE_OUTPUT = $(if $(PUSH),--push --provenance=mode=max --sbom=true,--load)
.PHONY: image
image: setup  ## Build the container images: operator, router and sidecar, of the same layers
	@docker buildx version >/dev/null 2>&1 || { echo "docker with buildx is needed: https://docs.docker.com/go/buildx/"; exit 2; }
	@for target in operator router sidecar; do \
	  docker buildx build --file operator/Dockerfile --target $$target $(IMAGE_OUTPUT) \
	    $(if $(PYTHON_IMAGE),--build-arg PYTHON_IMAGE=$(PYTHON_IMAGE)) --build-arg VERSION=$(IMAGE_VERSION) \
	    --build-arg REVISION=$$(git rev-parse HEAD) \
	    --build-arg SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) \
	    --build-arg CREATED=$$(TZ=UTC0 git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd) \
	    --tag $(IMAGE_REPOSITORY)/$$target:$(IMAGE_VERSION) .; \
	done

.PHONY: lock
lock:  ## Resolve the dependencies again and write the locks with hashes
	@for extra in $(EXTRAS); do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-package hyperpod-inference --extra $$extra pyproject.toml -o requirements/$$extra.txt; \
	done

.PHONY: clean
clean:  ## Remove what the targets made here (not the per-user cache)
	@rm -rf cdk.out dist build .mypy_cache .pytest_cache .ruff_cache

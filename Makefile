# Everything runs in .venv, which the first command makes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RENDERER := tests/renderer

# Or each process of each run rewrites the assertions of all tests anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo demo-stack test test-unit test-rules lint docs site dashboards manifests rules pictures benchmark scaling soak abuse fuzz mutants image-test release audit packages lock clean

help:
	@echo "make demo       the exporter on a simulated cloud: needs no account"
	@echo "make demo-stack the demo with Prometheus and Alertmanager, where they are installed"
	@echo "make test       all tests (the real Prometheus is used where it is installed)"
	@echo "make test-unit  the quick ones, without other programs: the loop to work in"
	@echo "make test-rules the rules' tests with the promtool of Prometheus 3, which Go builds"
	@echo "                (minutes, the first time)"
	@echo "make lint       formatting, lint and types"
	@echo "make docs       write into the documents' tables what the code says, and the manual page"
	@echo "make site       the documents as a web site, in build/site"
	@echo "make dashboards write the dashboards' JSON anew from their code"
	@echo "make manifests  write the Helm chart's copies and the plain manifests (needs helm)"
	@echo "make rules      rules with your own thresholds, into build/rules:"
	@echo "                ARGS='--max-job-duration 5d'; ARGS=--help lists them"
	@echo "make pictures   draw them as Grafana does, with an hour of the demo (needs npm, Chromium,"
	@echo "                Prometheus), or ARGS='--prometheus URL --minutes 60'; and the status page"
	@echo "make benchmark  times scrapes beside a bare client, a plain and a threaded script"
	@echo "make scaling    what a project costs among 10 to 2,500, and one exporter for 1,000 projects"
	@echo "                of 10,000 jobs (six minutes)"
	@echo "make soak       60 projects under faults for SECONDS=600: each time all comes back"
	@echo "make abuse      abuses real exporters, measures what still works; ARGS='outage file'"
	@echo "make fuzz       tries EXAMPLES=10000 inputs in each of the tests of odd input"
	@echo "make mutants    changes the core modules in small ways, and prints the changes that no test"
	@echo "                notices: ARGS='--sample 40 --module scheduler'; all takes hours"
	@echo "make image-test builds the image with buildah, runs it and scrapes it (root)"
	@echo "make release    audit of what is locked, and the packages (make audit, make packages):"
	@echo "                wheel, source distribution, chart, dashboards with rules, SBOM and"
	@echo "                checksums in dist/"
	@echo "make lock       resolve the dependencies anew, into requirements/"

demo: $(VENV)/runtime.stamp
	$(BIN)/modelarts-exporter demo $(ARGS)

demo-stack: $(VENV)/runtime.stamp
	$(BIN)/python deploy/demo_stack.py $(ARGS)

# More than there are processors: much of the time, tests wait for other programs.
test: PROCESSES := $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) * 3 / 2)))
test: $(VENV)/test.stamp renderer
	$(BIN)/python -m pytest --numprocesses=$(PROCESSES) --dist=worksteal $(ARGS)

test-unit: $(VENV)/test.stamp
	$(BIN)/python -m pytest tests/unit --numprocesses=auto --dist=worksteal \
		-m "not slow and not needs" --hypothesis-profile=quick $(ARGS)

# Prometheus excludes modules, so that Go does not install it by its version.
test-rules: $(VENV)/test.stamp
	cd tests/promtool && go build -tags remove_all_sd -o ../../build/promtool \
		github.com/prometheus/prometheus/cmd/promtool
	PROMTOOL=$(CURDIR)/build/promtool $(BIN)/python -m pytest --numprocesses=auto --dist=worksteal \
		tests/deploy/test_rules.py tests/deploy/test_outages.py $(ARGS)

lint: $(VENV)/test.stamp
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

docs: $(VENV)/test.stamp
	$(BIN)/python -m docs.build

site: $(VENV)/test.stamp
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

dashboards: $(VENV)/test.stamp
	$(BIN)/python dashboards/build.py $(ARGS)

manifests: $(VENV)/test.stamp
	$(BIN)/python -m deploy.build

rules: $(VENV)/test.stamp
	$(BIN)/python -m deploy.rules $(ARGS)

pictures: $(VENV)/test.stamp renderer
	STATUS_PAGE_PICTURE=docs/images/status-page.png $(BIN)/python -m pytest \
		tests/integration/test_status_page.py -k 1100-light
	$(BIN)/python -m tests.renderer.draw $(ARGS)

benchmark: $(VENV)/test.stamp
	$(BIN)/python tests/benchmark/run.py $(ARGS)

scaling: $(VENV)/test.stamp
	$(BIN)/python tests/benchmark/growth.py
	$(BIN)/python tests/benchmark/scaling.py $(ARGS)

soak: $(VENV)/test.stamp
	$(BIN)/python -m tests.soak.run --seconds $(or $(SECONDS),600)

abuse: $(VENV)/test.stamp
	$(BIN)/python -m tests.abuse.run $(ARGS)

fuzz: $(VENV)/test.stamp
	EXAMPLES=$(or $(EXAMPLES),10000) $(BIN)/python -m pytest tests/unit/test_fuzz.py --timeout=3600

mutants: $(VENV)/test.stamp
	$(BIN)/pip install --quiet mutmut==3.8.1
	$(BIN)/python -m tests.mutants.run $(ARGS)

image-test:
	tests/image/run

release: audit packages

# Strict: a dependency that nothing is known of is no dependency without vulnerabilities.
audit: $(VENV)/test.stamp
	$(BIN)/pip install --quiet pip-audit
	$(BIN)/pip-audit --strict --require-hashes -r requirements/runtime.txt

packages: export SOURCE_DATE_EPOCH = $(shell git log -1 --format=%ct)
packages: $(VENV)/test.stamp
	test -z "$$(git status --porcelain)" || { git status --short; echo "commit first"; exit 1; }
	rm -rf build dist
	$(BIN)/python -m build --no-isolation --outdir dist
	$(PYTHON) -m venv build/installed
	build/installed/bin/pip install --quiet --require-hashes -r requirements/runtime.txt
	build/installed/bin/pip install --quiet --no-deps dist/*.whl
	build/installed/bin/pip uninstall --quiet --yes pip setuptools
	$(BIN)/pip install --quiet cyclonedx-bom
	sed "s/^dynamic = .*/version = \"$$(build/installed/bin/python -c 'import exporter; print(exporter.__version__)')\"/" \
		pyproject.toml > build/pyproject.toml
	$(BIN)/cyclonedx-py environment --pyproject build/pyproject.toml --output-reproducible \
		-o dist/modelarts-exporter.cdx.json build/installed/bin/python
	helm package deploy/helm/modelarts-exporter --destination dist
	git archive --prefix=modelarts-exporter/ HEAD ':(glob)dashboards/*.json' deploy/prometheus/rules \
		| gzip -9n > dist/modelarts-exporter-dashboards.tar.gz
	cd dist && sha256sum * > SHA256SUMS

lock: $(VENV)/test.stamp
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-find-links \
		--custom-compile-command "make lock" --upgrade -o requirements/runtime.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-find-links \
		--custom-compile-command "make lock" -c requirements/runtime.txt --extra test -o requirements/test.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-find-links \
		--custom-compile-command "make lock" -c requirements/test.txt -o requirements/build.txt requirements/build.in
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-find-links \
		--custom-compile-command "make lock" -c requirements/test.txt -o requirements/docs.txt requirements/docs.in

clean:
	rm -rf $(VENV) build dist

# Without npm, tests that draw dashboards are skipped.
.PHONY: renderer
renderer: $(if $(shell command -v npm),$(RENDERER)/node_modules/.package-lock.json)

$(RENDERER)/node_modules/.package-lock.json: $(RENDERER)/package-lock.json
	npm ci --prefix $(RENDERER) --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

$(VENV)/bin/pip:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/runtime.stamp: requirements/runtime.txt pyproject.toml | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --require-hashes -r requirements/runtime.txt
	$(BIN)/pip install --quiet --no-deps --editable .
	touch $@

$(VENV)/test.stamp: requirements/test.txt requirements/docs.txt $(VENV)/runtime.stamp
	$(BIN)/pip install --quiet --require-hashes -r requirements/test.txt
	$(BIN)/pip install --quiet --require-hashes -r requirements/docs.txt
	touch $@

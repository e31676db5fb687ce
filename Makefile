# Berth's build. `make help` lists the targets; nothing here needs more than Go, git and make.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO             ?= go
PULUMI_VERSION := $(shell awk '$$1 == "github.com/pulumi/pulumi/pkg/v3" { print $$2 }' tools/go.mod)
LINT_VERSION   := $(shell awk '$$1 == "github.com/golangci/golangci-lint/v2" { print $$2 }' tools/go.mod)
CACHE          ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/berth
PULUMI         := $(CACHE)/pulumi-$(PULUMI_VERSION)/bin/pulumi
GOLANGCI_LINT  := $(CACHE)/golangci-lint-$(LINT_VERSION)/bin/golangci-lint
STACK          ?= prod
VERSION        := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
MODULES        := . app app/bench tests/catalogue tests/aws tests/pulumi-resource-aws

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: up
up: build $(PULUMI) ## bring the reference client (STACK=prod) up on the embedded cloud
	@bin/berth up $(STACK) --local --yes

.PHONY: preview
preview: build $(PULUMI) ## show what `make up` would change
	@bin/berth preview $(STACK) --local

.PHONY: destroy
destroy: build $(PULUMI) ## take the reference client down again; nothing is left
	@bin/berth destroy $(STACK) --local --yes --confirm $(STACK)

.PHONY: build
build: ## build bin/berth and its Pulumi plugin (the first time compiles the AWS SDK: 3 to 6 minutes, 4 GB of memory)
	@if [ ! -x bin/berth ]; then echo "building bin/berth; the first time takes some minutes" >&2; fi
	@$(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/berth ./cmd/berth
	@$(GO) build -trimpath -ldflags "-s -w" -o bin/pulumi-resource-machine ./cmd/pulumi-resource-machine

.PHONY: pulumi
pulumi: $(PULUMI) ## build the pinned Pulumi CLI once into the user's cache

$(PULUMI):
	@echo "building the Pulumi CLI $(PULUMI_VERSION) into $(dir $@) (once, 3 to 4 minutes)" >&2
	@mkdir -p $(dir $@)
	@cd tools && $(GO) build -trimpath -ldflags "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$(PULUMI_VERSION)" \
		-o $@.new github.com/pulumi/pulumi/pkg/v3/cmd/pulumi && mv $@.new $@

$(GOLANGCI_LINT):
	@echo "building golangci-lint $(LINT_VERSION) into $(dir $@) (once, about 1 minute)" >&2
	@mkdir -p $(dir $@)
	@cd tools && $(GO) build -trimpath -ldflags "-s -w" -o $@.new github.com/golangci/golangci-lint/v2/cmd/golangci-lint && mv $@.new $@

.PHONY: test
test: $(PULUMI) test-needs ## run every test; what could not run is named at the end
	@tests/run $(MODULES)

.PHONY: test-aws
test-aws: $(PULUMI) ## run the AWS stacks on the real provider against an emulated AWS, where both are present
	@tests/run tests/aws tests/pulumi-resource-aws

.PHONY: test-hosts
test-hosts: export BERTH_HOSTS = 1
test-hosts: test-needs ## run the bundles on real Debian machines in QEMU, as root (an hour; the first time 5 minutes more)
	@$(GO) test -count=1 -v -parallel 8 -timeout 90m ./tests/hosts

.PHONY: test-needs
test-needs:
	@tests/needs

.PHONY: lint
lint: $(GOLANGCI_LINT) ## vet and lint, import directions included
	@for module in $(MODULES); do (cd $$module && $(GO) vet ./... && $(GOLANGCI_LINT) run ./...); done

.PHONY: vulncheck
vulncheck: ## look dependencies up in Go's vulnerability database, where it is reachable
	@tools/vulncheck

.PHONY: bench
bench: build $(PULUMI) ## measure preview, up and destroy of the reference client against an empty program
	@$(GO) run ./tests/bench

.PHONY: bench-fleet
bench-fleet: build $(PULUMI) ## measure previews of 100 and 1,000 clients against plain pulumi (the first time 15 minutes; leave the machine alone)
	@$(GO) run ./tests/bench-fleet

.PHONY: release
release: ## build a release of TaskFlow (VERSION=…) below bin/release, signed if RELEASE_KEY names a key
	@cd app && $(if $(RELEASE_KEY),RELEASE_KEY="$(abspath $(RELEASE_KEY))") $(GO) run ./cmd/taskflow-release build \
		--version "$(VERSION)" --out "../bin/release/$(VERSION)"

.PHONY: bench-app
bench-app: ## measure TaskFlow: speed against PocketBase, start-up, memory (10 minutes; leave the machine alone)
	@cd app/bench && $(GO) run .

.PHONY: docs
docs: ## regenerate golden files, schemas, command reference and reports; review what changed
	@$(GO) test $$(grep -rlE 'components/graphtest"|flag.Bool\("update"' --include='*_test.go' . | grep -Ev '^./(tests|app)/' | xargs -n1 dirname | sort -u) -update >/dev/null
	@$(GO) test ./tests/fidelity -run Embedded -update >/dev/null
	@$(GO) test -C app $$(cd app && grep -rl 'flag.Bool("update"' --include='*_test.go' . | xargs -n1 dirname | sort -u) -run 'Document|Reference' -update >/dev/null
	@$(GO) test ./tests/promises ./tests/promises/machines -update >/dev/null # after the others: its report speaks of their checks
	@git status --short

.PHONY: clean
clean: ## remove what was built here and the embedded cloud's state (caches stay)
	@rm -rf bin .berth

# make            lists the targets
SHELL := /bin/bash
.DEFAULT_GOAL := help
GO = $(shell scripts/find-go)
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS = -s -w -X main.version=$(VERSION)
export CGO_ENABLED = 0
export GOTOOLCHAIN = local
# All steps use the same flags, so that they share Go's build cache.
ifeq ($(filter -trimpath,$(GOFLAGS)),)
export GOFLAGS := $(strip $(GOFLAGS) -trimpath)
endif

.PHONY: help up down clean deps build test test-compat check chaos bench golden dump release FORCE

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 10

up: ## install missing packages, build, start a cloud on this machine and create a first server
	@scripts/deps up
	@$(MAKE) --no-print-directory build
	@scripts/up

down: ## stop the cloud that "make up" started; its data and servers remain
	@scripts/down

clean: ## stop the cloud, remove its servers, networks and data, and remove all build results
	@scripts/clean

deps: ## install the packages that building, running and testing need
	@scripts/deps test

build: ## build bin/hypernova, one static binary
	@test -n "$(GO)" || scripts/deps build
	@$(MAKE) --no-print-directory bin/hypernova

bin/hypernova: FORCE
	@mkdir -p bin
	@echo "$$(date +%H:%M:%S)  building bin/hypernova (a minute or two the first time)"
	@$$(scripts/find-go) build -ldflags '$(LDFLAGS)' -o bin/hypernova .

test: ## all tests: unit tests, static checks, scenarios, crashes, clients, real servers, two minutes of random failures
	@scripts/deps test
	@scripts/test

check: ## build, static checks and tests without real servers; needs no network
	@$(MAKE) --no-print-directory build
	@scripts/check
	@$(GO) test -short -vet=off $$($(GO) list ./... | grep -v /tests/e2e)

chaos: ## ten minutes of requests while processes, the broker and the database are killed; then check for stuck work and leaks
	@scripts/deps test
	@$(MAKE) --no-print-directory build
	@HYPERNOVA_BINARY=$(CURDIR)/bin/hypernova HYPERNOVA_CHAOS=$${HYPERNOVA_CHAOS:-10m} $(GO) test -count=1 -p 1 -timeout 60m -v ./tests/bus ./tests/chaos

test-compat: ## Tempest and placement's own tests against clouds of this build; UPDATE=1 writes the results to docs/compat
	@scripts/deps test
	@$(MAKE) --no-print-directory build
	@scripts/test-compat $(if $(UPDATE),--update)

bench: ## measure CPU time per request, lists that grow, memory, start; ALL=1 also heartbeats, tasks, images, 10,000 users; UPDATE=1 keeps the costs
	@$(MAKE) --no-print-directory build
	@HYPERNOVA_BINARY=$(CURDIR)/bin/hypernova $(GO) test -count=1 -timeout 30m -v ./tests/bench \
		-run '$(if $(ALL),^Test.*Figures$$,^Test(Cost|Growth)?Figures$$)' | grep -v '^=== \|^ *--- PASS'

golden: ## update the golden files of all tests; review the difference like code
	@for dir in $$(git grep -l 'flag.Bool("update"' -- '*_test.go' | xargs -n 1 dirname | sort -u); do $(GO) test -count=1 ./$$dir -update || exit 1; done

dump: ## write routes, schemas, policies, options and messages to docs/generated (part of make golden)
	@$(GO) test -count=1 ./app -run TestGenerated -update

release: ## build dist/ for linux/amd64, linux/arm64 and darwin/arm64
	@mkdir -p dist
	@for target in linux/amd64 linux/arm64 darwin/arm64; do \
		echo "building $$target"; \
		GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) build -ldflags '$(LDFLAGS)' -o dist/hypernova-$${target%/*}-$${target#*/} . || exit 1; \
	done
	@cd dist && sha256sum hypernova-* > SHA256SUMS

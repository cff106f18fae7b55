# make            says what there is
SHELL := /bin/bash
.DEFAULT_GOAL := help
GO = $(shell scripts/find-go)
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS = -s -w -X main.version=$(VERSION)
export CGO_ENABLED = 0
export GOTOOLCHAIN = local
# The same flags in every step, so that what one compiles the next finds in Go's cache.
ifeq ($(filter -trimpath,$(GOFLAGS)),)
export GOFLAGS := $(strip $(GOFLAGS) -trimpath)
endif

.PHONY: help up down clean deps build test test-compat check chaos bench golden dump release FORCE

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 10

up: ## install what is missing, build, start a cloud here and a first server in it
	@scripts/deps up
	@$(MAKE) --no-print-directory build
	@scripts/up

down: ## stop the cloud that "make up" started; its data stays
	@scripts/down

clean: ## stop the cloud and remove its servers, networks and data, and all that was built here
	@scripts/clean

deps: ## install what building, running and testing need
	@scripts/deps test

build: ## build bin/hypernova, one static binary
	@test -n "$(GO)" || scripts/deps build
	@$(MAKE) --no-print-directory bin/hypernova

bin/hypernova: FORCE
	@mkdir -p bin
	@echo "$$(date +%H:%M:%S)  building bin/hypernova (a minute or two the first time)"
	@$$(scripts/find-go) build -ldflags '$(LDFLAGS)' -o bin/hypernova .

test: ## unit tests, static checks, scenario and crash tests, clients, real servers, a broker that is away, a storm of two minutes
	@scripts/deps test
	@scripts/test

check: ## the quick part, offline: build, static checks, tests without real servers
	@$(MAKE) --no-print-directory build
	@scripts/check
	@$(GO) test -short -vet=off $$($(GO) list ./... | grep -v /tests/e2e)

chaos: ## what make test has of it, but ten minutes of killed processes, broker and database; then nothing stuck, nothing left over
	@scripts/deps test
	@$(MAKE) --no-print-directory build
	@HYPERNOVA_BINARY=$(CURDIR)/bin/hypernova HYPERNOVA_CHAOS=$${HYPERNOVA_CHAOS:-10m} $(GO) test -count=1 -p 1 -timeout 60m -v ./tests/bus ./tests/chaos

test-compat: ## tempest and placement's own tests against clouds of this build; UPDATE=1 writes what they found into docs/compat
	@scripts/deps test
	@$(MAKE) --no-print-directory build
	@scripts/test-compat $(if $(UPDATE),--update)

bench: ## print the figures: start, drain, memory, create, list, tokens, heartbeats, tasks
	@$(MAKE) --no-print-directory build
	@HYPERNOVA_BINARY=$(CURDIR)/bin/hypernova $(GO) test -count=1 -timeout 30m -run '^Test.*Figures$$' -v ./tests/bench

golden: ## write the golden files anew; read the difference like code
	@for dir in $$(git grep -l 'flag.Bool("update"' -- '*_test.go' | xargs -n 1 dirname | sort -u); do $(GO) test -count=1 ./$$dir -update || exit 1; done

dump: ## write routes, schemas, policies, options and messages into docs/generated, which make golden does too
	@$(GO) test -count=1 ./app -run TestGenerated -update

release: ## build dist/ for linux/amd64, linux/arm64 and darwin/arm64
	@mkdir -p dist
	@for target in linux/amd64 linux/arm64 darwin/arm64; do \
		echo "building $$target"; \
		GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) build -ldflags '$(LDFLAGS)' -o dist/hypernova-$${target%/*}-$${target#*/} . || exit 1; \
	done
	@cd dist && sha256sum hypernova-* > SHA256SUMS

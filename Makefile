# demo and test need root on Debian: they install and start mail servers of their own.

GO ?= go
FUZZTIME ?= 20s
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
# Patterns like ./... leave testdata out, so its packages are named.
PACKAGES = ./... $(addprefix ./,$(sort $(dir $(wildcard testdata/*/*.go))))
ROOT := $(filter 0,$(shell id -u))

.PHONY: build install packages release run demo test bench microbench soak fuzz lint clean

build:
	$(GO) build -o bin/assay ./cmd/assay

# Below PREFIX (/usr/local), in DESTDIR when that is set; the config goes to /etc/assay.
install:
	packaging/scripts/install bin/assay

# What is published, in dist: .deb, .rpm and an archive, here for this machine alone, by release for all.
packages:
	packaging/scripts/release $(shell $(GO) env GOARCH)

release:
	packaging/scripts/release

run: build
	bin/assay serve

demo: build
	testdata/setup demo
	$(GO) run ./testdata/demo -assay bin/assay

# As root nothing may be skipped for want of a tool.
test: export ASSAY_REQUIRE_TOOLS ?= $(if $(ROOT),1)
test:
	$(if $(ROOT),testdata/setup test)
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt: $$unformatted"; exit 1; fi
	$(GO) vet $(PACKAGES)
	$(GO) test -race -shuffle=on -timeout 10m $(PACKAGES)

# Beside the rivals, into the README: some minutes. BENCH=quick is for a first look, and changes nothing.
bench: build
	$(if $(ROOT),testdata/setup bench)
	$(GO) run ./testdata/bench -assay bin/assay $(if $(filter quick,$(BENCH)),-quick,-update README.md)

microbench:
	$(GO) test -run '^$$' -bench . -benchmem $(PACKAGES)

# A million messages, hostile ones, outages and reloads among them: some minutes.
soak: build
	$(GO) run ./testdata/soak -assay bin/assay -update README.md

fuzz:
	@set -e; for pkg in $$($(GO) list $(PACKAGES)); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg; \
		done; \
	done

lint:
	$(GO) vet $(PACKAGES)
	$(GO) run $(STATICCHECK) $(PACKAGES)

clean:
	rm -rf bin dist

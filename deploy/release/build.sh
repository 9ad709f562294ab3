#!/usr/bin/env bash
#
# Builds the archives of a release from the commit that is checked out, with a list of
# what is in each program and the checksums of everything:
#
#     deploy/release/build.sh DIRECTORY
#
# The same commit and the same Go version give the same bytes, wherever and whenever
# this runs. The archives are named after the tag of the commit, or else its hash.
# TARGETS may name fewer platforms. Needs git, GNU tar and gzip.
set -euo pipefail

out=$(mkdir -p "${1:?usage: build.sh DIRECTORY}" && cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

targets=${TARGETS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64}
cyclonedx=github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

fail() { printf '%s\n' "$*" >&2; exit 1; }
[ -z "$(ls -A "$out")" ] || fail "$out must be empty: what is in it would be part of the release."
[ -z "$(git status --porcelain)" ] || fail "The clone must be clean: a release is what its commit says."

# Of several tags the highest, as Go has it for what the programs report.
version=$(git -c versionsort.suffix=- tag --points-at HEAD --sort=-version:refname --list 'v*' | head -n 1)
version=${version:-$(git rev-parse --short=12 HEAD)}
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
# Whatever could get into the bytes is the same everywhere, whether it comes from the
# environment, from "go env -w" or from a workspace around the clone.
export SOURCE_DATE_EPOCH TZ=UTC LC_ALL=C CGO_ENABLED=0 GOFLAGS='' GOTOOLCHAIN=local GOENV=off GOWORK=off
unset GOAMD64 GOARM64 GOEXPERIMENT GOFIPS140 GODEBUG GO111MODULE TAR_OPTIONS GZIP POSIXLY_CORRECT
umask 022

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
GOBIN=$stage/bin go install "$cyclonedx"

for target in $targets; do
	export GOOS=${target%/*} GOARCH=${target#*/}
	name=acs-auth_${version}_${GOOS}_${GOARCH}
	printf '==> %s\n' "$name" >&2
	mkdir "$stage/$name"
	go build -trimpath -buildvcs=true -ldflags='-s -w' -o "$stage/$name/" ./cmd/...
	cp LICENSE.md README.md CHANGELOG.md "$stage/$name/"
	for program in "$stage/$name"/acs*; do
		base=$(basename "$program" .exe)
		env -u GOOS -u GOARCH "$stage/bin/cyclonedx-gomod" bin -json -std -noserial -notimestamp \
			-output "$out/$name.$base.cdx.json" "$program" 2>/dev/null
	done
	tar --create --directory "$stage" --sort=name --format=ustar --owner=0 --group=0 --numeric-owner \
		--mode=u=rwX,go=rX --mtime="@$SOURCE_DATE_EPOCH" "$name" | gzip --no-name --best >"$out/$name.tar.gz"
done

cd "$out"
sha256sum -- * >"$stage/SHA256SUMS"
mv "$stage/SHA256SUMS" .

#!/bin/sh
# Installs and chooses the version of Rust that Cargo.toml names (`rust-version`): the one place that says it.
set -eu
version=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$(dirname "$0")/../Cargo.toml")
rustup toolchain install "$version" --profile minimal --component clippy --component rustfmt
rustup default "$version"
rustc --version | grep -F " $version"

#!/bin/sh
# Whether a second person approved this release: `./delivery/approved.sh v0.2.0`. The tag must carry the SSH signature
# of somebody in .github/approvers, and that person wrote none of the commits since the tag before. GitHub's required
# reviewers of environments need its Enterprise plan for a private repository; git needs none.
set -eu
git -c gpg.ssh.allowedSignersFile=.github/approvers verify-tag "$1"
approver=$(git for-each-ref "refs/tags/$1" --format='%(taggeremail:trim)')
grep -q "^$approver " .github/approvers || { echo "$approver is no approver."; exit 1; }
before=$(git describe --tags --abbrev=0 "$1^" 2>/dev/null || true)
if git log --format=%ae "${before:+$before..}$1" | grep -qxF "$approver"; then
  echo "$approver wrote a part of $1: somebody else has to approve it."
  exit 1
fi
echo "$1 was approved by $approver."

"""One file a kind of evidence: what a fresh sign changes in a school's tracks."""

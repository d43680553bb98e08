"""The benchmarks: how fast Muniment appends, issues and introspects, beside its peers in the same run."""

"""Reports of runs: announcement, figures, label audit, page, and tables over several runs."""

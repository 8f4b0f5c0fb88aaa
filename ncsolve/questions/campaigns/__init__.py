"""The parts of a campaign: what a spec says, one problem's row, the file of results, the workers, the summary."""

package live

// operations are the looks at the promises OP-*.
func operations() []Look {
	return []Look{{"OP-1", reviewedReleases}, {"OP-3", onCall}, {"OP-4", monthlyAudit}}
}

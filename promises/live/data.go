package live

// data are the looks at the promises DP-*.
func data() []Look {
	return []Look{{"DP-1", ownData}, {"DP-2", outOfReach}, {"DP-4", encrypted}, {"DP-5", toolsRead}, {"DP-6", testDataOnly}, {"DP-8", endOfBackups}}
}

package limits

// Lines is how many clients a gate remembers.
func Lines(g *Gate) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.lines)
}

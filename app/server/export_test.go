package server

// Sweep does at once what is done every few seconds.
func (s *Server) Sweep() { s.sites.sweep() }

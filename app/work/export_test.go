package work

// SetQuota bounds the attachments of a client in a test.
func (w *Work) SetQuota(bytes int64) { w.o.Quota = bytes }

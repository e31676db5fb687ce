package backup

import (
	"io"

	"github.com/berth-iac/berth/app/fault"
)

// Peek reads what a decrypted backup says of itself. Only a restore or a verification tells whether the rest is there.
func Peek(stream io.Reader) (Header, error) {
	f, err := newFrameReader(stream).next()
	if err != nil {
		return Header{}, err
	}
	var h Header
	if f.kind != kindHeader {
		return h, damaged("it does not begin as one")
	}
	if err := f.decode(&h); err != nil {
		return h, err
	}
	if !clientForm.MatchString(h.Client) {
		return h, fault.BadInput("file", "the backup names no client", "use a file that taskflow backup made")
	}
	return h, nil
}

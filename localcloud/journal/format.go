package journal

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
)

// The file is lines: the header, then one record a line, its checksum in eight hexadecimal digits in front.
// Lines can be read by a person, and damage to one cannot hide the next. A file of another version is
// refused, never guessed at.
const (
	header = "localcloud journal 1\n"
	sumLen = 9 // eight digits and a space
)

// ErrDamaged is the error for a journal that is broken elsewhere than at its end.
var ErrDamaged = errors.New("the journal is damaged")

// ErrVersion is the error for a file that is no journal of this version.
var ErrVersion = errors.New("the file is not a journal of this version")

func appendRecord(buf, payload []byte) []byte {
	buf = fmt.Appendf(buf, "%08x ", checksum(payload))
	buf = append(buf, payload...)
	return append(buf, '\n')
}

func checksum(payload []byte) uint32 {
	return crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli))
}

// decode hands each whole record to visit and returns how many bytes of data are sound; the rest is a torn tail.
func decode(data []byte, visit func(payload []byte) error) (int, error) {
	if !bytes.HasPrefix(data, []byte(header)) {
		if bytes.HasPrefix([]byte(header), data) {
			return 0, nil // died while it was made
		}
		return 0, ErrVersion
	}
	at := len(header)
	for at < len(data) {
		line, rest, whole := bytes.Cut(data[at:], []byte("\n"))
		payload, ok := payloadOf(line)
		if !whole || !ok {
			// A machine that lost power may leave a last line with a hole in it, or blocks of zeros.
			if len(bytes.Trim(rest, "\x00")) == 0 {
				return at, nil
			}
			return at, fmt.Errorf("%w at byte %d: the checksum does not fit", ErrDamaged, at)
		}
		if err := visit(payload); err != nil {
			return at, err
		}
		at += len(line) + 1
	}
	return at, nil
}

func payloadOf(line []byte) ([]byte, bool) {
	if len(line) <= sumLen {
		return nil, false
	}
	payload := line[sumLen:]
	return payload, string(line[:sumLen]) == fmt.Sprintf("%08x ", checksum(payload))
}

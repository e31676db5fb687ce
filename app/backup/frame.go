package backup

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
)

// The stream is frames: one byte for the kind, the length as a varint, the content. They come in this order; anything else is refused:
//
//	header keys (table row* tableEnd)* (file chunk* fileEnd)* end
//
// The last frame holds the counts of everything and the SHA-256 of all frames before it. Without it the backup is not whole.
const (
	kindHeader   = 'H' // Header
	kindKeys     = 'K' // the client's sealing keys
	kindTable    = 'T' // tableHead
	kindRow      = 'R' // an array of values, in the order of the table's columns
	kindTableEnd = 't' // Count
	kindFile     = 'F' // fileHead
	kindChunk    = 'C' // raw
	kindFileEnd  = 'f' // fileEnd
	kindEnd      = 'Z' // trailer
)

const (
	maxFrame  = 8 << 20 // a row's texts, each letter escaped
	chunkSize = 256 << 10
)

type tableHead struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
}

type fileHead struct {
	Key    string `json:"key"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256,omitempty"` // as the row has it
}

type fileEnd struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Gone   bool   `json:"gone,omitempty"` // it was removed after the snapshot
}

type trailer struct {
	Tables  map[string]Count `json:"tables"`
	Files   int64            `json:"files"`
	Bytes   int64            `json:"bytes"`
	Missing int64            `json:"missing"`
	SHA256  string           `json:"sha256"`
}

// ErrDamaged says that a stream is not a whole backup: cut short, altered, or never one.
var ErrDamaged = errors.New("this is no whole backup: it was cut short or altered, or is something else")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrDamaged, fmt.Errorf(format, args...))
}

type frameWriter struct {
	w   io.Writer
	sum hash.Hash
}

func newFrameWriter(w io.Writer) *frameWriter {
	sum := sha256.New()
	return &frameWriter{w: io.MultiWriter(w, sum), sum: sum}
}

func (f *frameWriter) raw(kind byte, content []byte) error {
	if len(content) > maxFrame {
		return fmt.Errorf("a part of %d bytes does not fit into a backup", len(content))
	}
	head := binary.AppendUvarint([]byte{kind}, uint64(len(content)))
	if _, err := f.w.Write(head); err != nil {
		return err
	}
	_, err := f.w.Write(content)
	return err
}

func (f *frameWriter) json(kind byte, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write %c: %w", kind, err)
	}
	return f.raw(kind, text)
}

func (f *frameWriter) end(t trailer) error {
	t.SHA256 = hex.EncodeToString(f.sum.Sum(nil))
	return f.json(kindEnd, t)
}

type frame struct {
	kind    byte
	content []byte // good until the next one is read
}

func (f frame) decode(into any) error {
	if err := json.Unmarshal(f.content, into); err != nil {
		return damaged("part %q cannot be read: %w", f.kind, err)
	}
	return nil
}

type frameReader struct {
	r      *bufio.Reader
	sum    hash.Hash
	buffer []byte
	before string // the sum before the frame that was read last
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, 64<<10), sum: sha256.New()}
}

func (f *frameReader) next() (frame, error) {
	kind, err := f.r.ReadByte()
	if err != nil {
		return frame{}, readError(err)
	}
	length, err := binary.ReadUvarint(f.r)
	if err != nil {
		return frame{}, readError(err)
	}
	if length > maxFrame {
		return frame{}, damaged("a part says that it has %d bytes", length)
	}
	// The buffer grows with what is really there, not with what is said to be.
	content := f.buffer[:0]
	for left := int(length); left > 0; {
		n := min(left, chunkSize)
		at := len(content)
		if cap(content) < at+n {
			content = append(make([]byte, 0, max(2*cap(content), at+n)), content...)
		}
		content = content[:at+n]
		if _, err := io.ReadFull(f.r, content[at:]); err != nil {
			return frame{}, readError(err)
		}
		left -= n
	}
	f.buffer = content[:0]
	if kind == kindEnd {
		f.before = hex.EncodeToString(f.sum.Sum(nil))
	}
	f.sum.Write(binary.AppendUvarint([]byte{kind}, length))
	f.sum.Write(content)
	return frame{kind, content}, nil
}

// finish sees that nothing follows.
func (f *frameReader) finish() error {
	if _, err := f.r.ReadByte(); !errors.Is(err, io.EOF) {
		if err == nil {
			return damaged("something follows its end")
		}
		return readError(err)
	}
	return nil
}

// readError makes the end of what is there a fault of the backup; other failures keep what they are.
func readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("it ends in the middle")
	}
	if errors.Is(err, ErrDamaged) {
		return err
	}
	return fmt.Errorf("read the backup: %w", err)
}

package feed_test

import (
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/wiremessage"
)

// standIn speaks as much of MongoDB's wire protocol as a feed needs: documents in memory, $in, $lt, $or and equality, one collection.
type standIn struct {
	listener net.Listener
	mu       sync.Mutex
	away     bool
	docs     []bson.M
}

func newStandIn(t *testing.T) *standIn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &standIn{listener: l}
	var open sync.WaitGroup
	t.Cleanup(func() { _ = l.Close() })
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	})
	return s
}

func (s *standIn) address() string { return s.listener.Addr().String() }

func (s *standIn) refuse(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

func (s *standIn) serve(conn net.Conn) {
	defer conn.Close()
	for {
		head := make([]byte, 16)
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		body := make([]byte, binary.LittleEndian.Uint32(head)-16)
		if _, err := io.ReadFull(conn, body); err != nil {
			return
		}
		_, id, _, code, _, _ := wiremessage.ReadHeader(head)
		var command bson.D
		var documents []bson.M
		legacy := code == 2004 // OP_QUERY
		if legacy {            // the driver's first hello: flags, name, skip, return, document
			at := 4 + slices.Index(body[4:], 0) + 1 + 8
			if bson.Unmarshal(body[at:], &command) != nil {
				return
			}
		} else {
			for rest := body[4:]; len(rest) > 0; {
				kind := rest[0]
				size := int(binary.LittleEndian.Uint32(rest[1:]))
				part := rest[1 : 1+size]
				rest = rest[1+size:]
				if kind == 0 {
					if bson.Unmarshal(part, &command) != nil {
						return
					}
					continue
				}
				part = part[4+slices.Index(part[4:], 0)+1:]
				for len(part) > 0 {
					n := int(binary.LittleEndian.Uint32(part))
					var one bson.M
					if bson.Unmarshal(part[:n], &one) != nil {
						return
					}
					documents = append(documents, one)
					part = part[n:]
				}
			}
		}
		reply, err := bson.Marshal(s.answer(command, documents))
		if err != nil {
			return
		}
		var out []byte
		if legacy {
			_, out = wiremessage.AppendHeaderStart(nil, 1, id, wiremessage.OpReply)
			out = append(out, make([]byte, 16)...)
			out = binary.LittleEndian.AppendUint32(out, 1)
		} else {
			_, out = wiremessage.AppendHeaderStart(nil, 1, id, wiremessage.OpMsg)
			out = append(out, 0, 0, 0, 0, 0)
		}
		out = append(out, reply...)
		if legacy {
			binary.LittleEndian.PutUint32(out[32:], 1)
		}
		binary.LittleEndian.PutUint32(out, uint32(len(out)))
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

func (s *standIn) answer(command bson.D, documents []bson.M) bson.M {
	s.mu.Lock()
	defer s.mu.Unlock()
	get := map[string]any{}
	for _, e := range command {
		get[e.Key] = e.Value
	}
	name := strings.ToLower(command[0].Key)
	if s.away && name != "hello" && name != "ismaster" {
		return bson.M{"ok": 0, "code": int32(11600), "codeName": "InterruptedAtShutdown", "errmsg": "going down"}
	}
	switch name {
	case "hello", "ismaster":
		return bson.M{"ok": 1, "isWritablePrimary": true, "ismaster": true, "helloOk": true, "minWireVersion": int32(0), "maxWireVersion": int32(21),
			"maxBsonObjectSize": int32(16 << 20), "maxMessageSizeBytes": int32(48 << 20), "maxWriteBatchSize": int32(100_000)}
	case "createindexes":
		return bson.M{"ok": 1}
	case "insert":
		failed := bson.A{}
		n := 0
		for i, one := range documents {
			if slices.ContainsFunc(s.docs, func(d bson.M) bool { return d["_id"] == one["_id"] }) {
				failed = append(failed, bson.M{"index": int32(i), "code": int32(11000), "errmsg": "E11000 duplicate key"})
				continue
			}
			s.docs = append(s.docs, one)
			n++
		}
		reply := bson.M{"ok": 1, "n": int32(n)}
		if len(failed) > 0 {
			reply["writeErrors"] = failed
		}
		return reply
	case "delete":
		before := len(s.docs)
		for _, one := range documents {
			where := one["q"].(bson.D)
			s.docs = slices.DeleteFunc(s.docs, func(d bson.M) bool { return matches(d, where) })
		}
		return bson.M{"ok": 1, "n": int32(before - len(s.docs))}
	case "find":
		found := []bson.M{}
		for _, d := range s.docs {
			if matches(d, get["filter"].(bson.D)) {
				found = append(found, d)
			}
		}
		slices.SortFunc(found, func(a, b bson.M) int { // at and _id, both descending: what the feed asks for
			if c := compare(b["at"], a["at"]); c != 0 {
				return c
			}
			return compare(b["_id"], a["_id"])
		})
		if limit, ok := get["limit"].(int64); ok && int(limit) < len(found) {
			found = found[:limit]
		}
		return bson.M{"ok": 1, "cursor": bson.M{"id": int64(0), "ns": "acme.activity", "firstBatch": found}}
	case "endsessions":
		return bson.M{"ok": 1}
	}
	return bson.M{"ok": 0, "code": int32(59), "codeName": "CommandNotFound", "errmsg": "no such command: " + name}
}

func compare(a, b any) int {
	switch a := a.(type) {
	case int64:
		return int(max(-1, min(1, a-b.(int64))))
	case string:
		return strings.Compare(a, b.(string))
	}
	return 0
}

func matches(d bson.M, where bson.D) bool {
	for _, e := range where {
		if e.Key == "$or" {
			if !slices.ContainsFunc([]any(e.Value.(bson.A)), func(one any) bool { return matches(d, one.(bson.D)) }) {
				return false
			}
			continue
		}
		operators, ok := e.Value.(bson.D)
		if !ok {
			if d[e.Key] != e.Value {
				return false
			}
			continue
		}
		for _, o := range operators {
			switch o.Key {
			case "$in":
				if !slices.Contains([]any(o.Value.(bson.A)), d[e.Key]) {
					return false
				}
			case "$lt":
				if compare(d[e.Key], o.Value) >= 0 {
					return false
				}
			default:
				return false
			}
		}
	}
	return true
}

package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestQuantiles(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for _, tc := range []struct {
		times []time.Duration
		q     float64
		want  time.Duration
	}{{hundred, 0.5, 50}, {hundred, 0.99, 99}, {hundred, 1, 100}, {hundred[:1], 0.99, 1}, {hundred[:2], 0.5, 1}, {hundred[:3], 0.5, 2}} {
		if got := quantile(tc.times, tc.q); got != tc.want {
			t.Errorf("quantile %v of %d is %d, want %d", tc.q, len(tc.times), got, tc.want)
		}
	}
}

func TestTheMedianIsOfEachFigure(t *testing.T) {
	m := median([]measured{{PerSecond: 10, P99: 1, Requests: 5}, {PerSecond: 30, P99: 9, Requests: 5}, {PerSecond: 20, P99: 2, Requests: 5}})
	if m.PerSecond != 20 || m.P99 != 2 || m.Requests != 15 {
		t.Errorf("the median is %+v", m)
	}
	if got := middle([]float64{4, 1}); got != 2.5 {
		t.Errorf("the middle of two is %v", got)
	}
}

func TestTheLoopKeepsItsConnections(t *testing.T) {
	var connections, requests atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.Host != "bench.localhost" || r.Header.Get("Authorization") != "Bearer x" {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = w.Write([]byte(strings.Repeat("x", 5000)))
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	l := load{address: s.Listener.Addr().String(), connections: 3, took: 100 * time.Millisecond, status: http.StatusOK,
		request: func(int64) []byte {
			return raw(http.MethodGet, "/", "bench.localhost", map[string]string{"Authorization": "Bearer x"}, "")
		}}
	m, err := l.run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if m.Requests == 0 || m.Bytes != 5000 || m.P50 > m.P99 || connections.Load() != 3 || requests.Load() < int64(m.Requests) {
		t.Errorf("%+v over %d connections with %d requests", m, connections.Load(), requests.Load())
	}
	l.status = http.StatusCreated
	if _, err := l.run(context.Background()); err == nil || !strings.Contains(err.Error(), "200 instead of 201") {
		t.Errorf("an answer that is not good: %v", err)
	}
	l.address = "127.0.0.1:1"
	if _, err := l.run(context.Background()); err == nil || !strings.Contains(err.Error(), "connect") {
		t.Errorf("nobody there: %v", err)
	}
}

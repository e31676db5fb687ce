package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// load is a closed loop: so many connections, each of which asks again as soon as it has its answer. It is small, for it shares the
// machine with what it measures.
type load struct {
	address     string
	connections int
	warm, took  time.Duration
	request     func(n int64) []byte // the n-th, of all connections
	status      int                  // of a good answer
}

// measured is what a load gave.
type measured struct {
	PerSecond float64 `json:"perSecond"`
	P50       float64 `json:"p50ms"`
	P99       float64 `json:"p99ms"`
	Requests  int     `json:"requests"`
	Bytes     int64   `json:"bytesPerAnswer"`
	Processor float64 `json:"processorMs"` // of the server's process, for each request: it tells more than time on a machine that is shared

	asked int64 // those of warming up, too
}

// run runs it. The first answer that is not good ends it: what fails is not measured.
func (l load) run(ctx context.Context) (measured, error) {
	ctx, stop := context.WithTimeout(ctx, l.warm+l.took+time.Minute)
	defer stop()
	var count atomic.Int64
	var all sync.WaitGroup
	each := make([][]time.Duration, l.connections)
	sizes := make([]int64, l.connections)
	problems := make(chan error, l.connections)
	began := time.Now()
	from, until := began.Add(l.warm), began.Add(l.warm+l.took)
	for i := range l.connections {
		all.Go(func() {
			var err error
			if each[i], sizes[i], err = l.one(ctx, &count, from, until); err != nil {
				problems <- err
				stop()
			}
		})
	}
	all.Wait()
	select {
	case err := <-problems:
		return measured{}, err
	default:
	}
	times := slices.Concat(each...)
	if len(times) == 0 {
		return measured{}, fmt.Errorf("nothing was answered within %s", l.took)
	}
	slices.Sort(times)
	var size int64
	for _, n := range sizes {
		size += n
	}
	return measured{
		PerSecond: float64(len(times)) / l.took.Seconds(), P50: millis(quantile(times, 0.50)), P99: millis(quantile(times, 0.99)),
		Requests: len(times), Bytes: size / int64(len(times)),
		asked: count.Load(),
	}, nil
}

// one is one connection. What was asked before from or answered after until does not count.
func (l load) one(ctx context.Context, count *atomic.Int64, from, until time.Time) (times []time.Duration, size int64, err error) {
	var c net.Conn
	var r *bufio.Reader
	defer func() {
		if c != nil {
			_ = c.Close()
		}
	}()
	for ctx.Err() == nil {
		asked := time.Now()
		if !asked.Before(until) {
			return times, size, nil
		}
		if c == nil {
			if c, err = (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", l.address); err != nil {
				return nil, 0, fmt.Errorf("connect: %w", err)
			}
			if err = c.SetDeadline(until.Add(30 * time.Second)); err != nil {
				return nil, 0, fmt.Errorf("connect: %w", err)
			}
			r = bufio.NewReaderSize(c, 64<<10)
		}
		status, n, closing, err := exchange(c, r, l.request(count.Add(1)))
		if err != nil {
			return nil, 0, err
		}
		if status != l.status {
			return nil, 0, fmt.Errorf("the answer is %d instead of %d", status, l.status)
		}
		if now := time.Now(); !asked.Before(from) && !now.After(until) {
			times = append(times, now.Sub(asked))
			size += n
		}
		if closing {
			_ = c.Close()
			c = nil
		}
	}
	return times, size, ctx.Err()
}

func exchange(c net.Conn, r *bufio.Reader, request []byte) (status int, size int64, closing bool, err error) {
	if _, err := c.Write(request); err != nil {
		return 0, 0, false, fmt.Errorf("ask: %w", err)
	}
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		return 0, 0, false, fmt.Errorf("read the answer: %w", err)
	}
	size, err = io.Copy(io.Discard, answer.Body)
	if err != nil {
		return 0, 0, false, fmt.Errorf("read the answer: %w", err)
	}
	return answer.StatusCode, size, answer.Close, answer.Body.Close()
}

// quantile of sorted times: the smallest that so many are not above.
func quantile(sorted []time.Duration, q float64) time.Duration {
	i := int(q*float64(len(sorted))+0.9999999) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// median of some measurements, each of its figures by itself.
func median(all []measured) measured {
	of := func(figure func(measured) float64) float64 {
		values := make([]float64, len(all))
		for i, m := range all {
			values[i] = figure(m)
		}
		return middle(values)
	}
	m := measured{
		PerSecond: of(func(m measured) float64 { return m.PerSecond }),
		P50:       of(func(m measured) float64 { return m.P50 }),
		P99:       of(func(m measured) float64 { return m.P99 }),
		Processor: of(func(m measured) float64 { return m.Processor }),
		Bytes:     all[0].Bytes,
	}
	for _, one := range all {
		m.Requests += one.Requests
	}
	return m
}

func middle(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// raw is a request as it goes over the wire.
func raw(method, path, host string, headers map[string]string, body string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, host)
	for name, value := range headers {
		fmt.Fprintf(&b, "%s: %s\r\n", name, value)
	}
	if method != http.MethodGet {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return b.Bytes()
}

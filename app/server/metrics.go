package server

import (
	"hash/fnv"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// groups is how many parts the clients are counted in. Their names are no labels: there are thousands, and they are not everybody's.
const groups = 32

type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	byGroup  *prometheus.CounterVec
	running  prometheus.Gauge
	refused  *prometheus.CounterVec
	duties   *prometheus.CounterVec
	panics   prometheus.Counter
	ready    prometheus.Gauge
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "taskflow_requests_total", Help: "Requests answered."}, []string{"method", "route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "taskflow_request_seconds", Help: "How long requests took.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 60}}, []string{"route"}),
		byGroup: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "taskflow_group_requests_total", Help: "Requests by group of clients: a hash of the name."}, []string{"group"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{Name: "taskflow_requests_running", Help: "Requests being answered."}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "taskflow_requests_limited_total", Help: "Requests refused by a limit."}, []string{"limit"}),
		duties:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "taskflow_duties_total", Help: "Duties done for clients: mail, reminders, sweeps."}, []string{"duty", "outcome"}),
		panics:  prometheus.NewCounter(prometheus.CounterOpts{Name: "taskflow_panics_total", Help: "Requests that failed badly."}),
		ready:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "taskflow_ready", Help: "Whether readiness was given when it was last asked for."}),
	}
	number := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	m.registry.MustRegister(
		m.requests, m.seconds, m.byGroup, m.running, m.refused, m.duties, m.panics, m.ready,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		number("taskflow_clients_open", "Clients that are open.", func() float64 { return float64(s.sites.opened()) }),
		number("taskflow_backup_age_seconds", "Age of the newest backup of the client whose is oldest, of those that backups are made of.", func() float64 { return s.ages.oldest(s.o.Clock()).Seconds() }),
		number("taskflow_turns_running", "Requests that have a turn.", func() float64 { return float64(s.o.Process.Gate.Running()) }),
		number("taskflow_turns_waiting", "Requests that wait for a turn.", func() float64 { return float64(s.o.Process.Gate.Waiting()) }),
	)
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "taskflow_build_info", Help: "The release.", ConstLabels: prometheus.Labels{"version": s.o.Version}})
	info.Set(1)
	m.registry.MustRegister(info)
	if s.o.Certificate != nil {
		m.registry.MustRegister(number("taskflow_certificate_expires_seconds", "When the certificate ends, in Unix time.",
			func() float64 { return float64(s.o.Certificate.Expires().Unix()) }))
	}
	return m
}

func (m *metrics) answered(method, route, client string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
	if client != "" {
		m.byGroup.WithLabelValues(group(client)).Inc()
	}
}

// group is the part that a client is counted in.
func group(client string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(client)) // a hash never fails
	return strconv.Itoa(int(h.Sum32() % groups))
}

func (m *metrics) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	return mux
}

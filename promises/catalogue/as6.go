package catalogue

import (
	"fmt"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// AS6 is how often one may call.
func (catalogue) AS6() promises.Promise {
	return promises.Promise{
		ID:       "AS-6",
		Title:    "API rate limits per client and per user",
		Sentence: "The API of your service is rate limited, for each client and for each user: nobody's burst slows you down, and nobody guesses passwords by the thousand.",
		Duties:   map[promises.Hosting]promises.Duty{promises.Service: promises.Ours},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			limit := clientSpec(s).Edge.RateLimit
			return []promises.Parameter{{
				Name:  "requests",
				Value: fmt.Sprintf("%d in %d seconds", orDefault(limit.Requests, 600), orDefault(limit.PeriodSeconds, 60)),
				Key:   "edge.rateLimit",
			}}
		},
		Proofs: []promises.Proof{
			{Level: promises.Live, How: "more calls than are allowed are sent as one user and as one client of a test; they must get 429, and a second client must not be slowed"},
		},
		Keywords: []string{
			"api rate limit", "rate limit user", "request quota", "api limit", "api abuse", "brute force protection", "login throttling",
			"credential stuffing", "rate limit", "api requests per user", "requests per minute", "rate limiting", "throttling", "too many requests",
			"429", "quota", "noisy neighbour", "api quotas",
		},
	}
}

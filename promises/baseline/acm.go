package baseline

import (
	"slices"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

const certificateType = "aws:acm/certificate:Certificate"

// ACM1 is certificates that do not run out.
func (baseline) ACM1() promises.Control {
	return promises.Control{
		ID: "ACM.1", Title: "Certificates renew by themselves", Severity: "medium",
		References: []string{fsbp("ACM.1")},
		Check: want(certificateType, "validationMethod", "DNS, and no certificate that was imported: ACM renews it while its record stands",
			"let DNS prove the domain (components/certificate)", func(c *graph.Resource) bool {
				return c.Text("validationMethod") == "DNS" && !c.Has("privateKey") && !c.Has("certificateBody")
			}),
	}
}

// ACM2 is keys of certificates.
func (baseline) ACM2() promises.Control {
	return promises.Control{
		ID: "ACM.2", Title: "Certificates have keys of 2048 bits or more, or elliptic ones", Severity: "high",
		References: []string{fsbp("ACM.2")},
		Check: want(certificateType, "keyAlgorithm", "RSA of 2048 bits or more, or an elliptic curve", "set keyAlgorithm in components/certificate", func(c *graph.Resource) bool {
			return slices.Contains([]string{"", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"}, c.Text("keyAlgorithm"))
		}),
	}
}

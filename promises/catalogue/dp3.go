package catalogue

import (
	"github.com/berth-iac/berth/promises"
)

// DP3 is the encrypted channel between sites. It comes with the stack of dedicated sites.
func (catalogue) DP3() promises.Promise {
	return promises.Promise{
		ID:       "DP-3",
		Title:    "Encrypted replication between sites",
		Sentence: "Your data is replicated between our sites over an encrypted channel; both ends prove themselves with a key pair, and no password opens it.",
		Duties:   map[promises.Hosting]promises.Duty{promises.OnSites: promises.Ours},
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "the tunnels between sites, their keys and the databases' replication settings are read from the resource graph: no replication leaves the tunnel"},
			{Level: promises.Live, How: "the tunnel's state is read back from both ends, a peer with another key is refused, and no plain traffic is seen between the sites"},
		},
		Keywords: []string{
			"replication encrypted", "replication between sites encrypted", "replication authenticated key pair",
			"links between data centres encrypted", "traffic between data centres encrypted", "replication key pair", "site link encrypted",
			"tunnel between sites", "data centres authenticate each other", "site-to-site vpn", "wireguard", "encrypted tunnel",
			"key pair authentication", "inter-site traffic", "data centre link", "replication channel", "replication encryption",
			"encrypted replication", "public key authentication",
		},
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: sealedReplication},
	}
}

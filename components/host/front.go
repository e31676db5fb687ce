package host

import (
	"github.com/berth-iac/berth/machine/bundle"
)

// front is nginx before all clients: TLS, and no answer to a name that is nobody's.
func (d Description) front() bundle.Bundle {
	data := struct{ RealIP []string }{}
	if d.OriginPulls { // otherwise who connects is who asks
		for _, prefix := range d.WebFrom {
			data.RealIP = append(data.RealIP, prefix.String())
		}
	}
	return bundle.Bundle{
		Packages: []string{"nginx", "openssl"},
		Files: []bundle.File{
			plain("/etc/nginx/berth.conf", serviceText("front/berth.conf", data)),
			plain("/etc/nginx/berth.d/00-none.conf", "# Each client has a file here.\n"),
			plain(unitFolder+"nginx.service.d/berth.conf", serviceRaw("front/nginx-drop-in.conf")),
		},
		Units: []bundle.Unit{{
			Name: "nginx.service", State: bundle.Running, RestartOn: []string{"/etc/nginx/berth.conf", unitFolder + "nginx.service.d/berth.conf"},
		}},
	}
}

// website is a client's name, certificate and way to its socket. It is the same at home and on the standby, where nobody opens the socket
// until the client is promoted: there it answers 503.
func (c Client) website() bundle.Bundle {
	data := struct {
		Name, Hostname string
		OriginPulls    bool
	}{c.Name, c.Hostname, c.OriginPulls}
	b := bundle.Bundle{
		Files:   []bundle.File{plain("/usr/local/lib/berth/client-"+c.Name+"/site.conf", serviceText("front/site.conf", data))},
		Secrets: []string{"certificate", "certificate-key"},
		Steps: []bundle.Step{
			{Name: "45-website", Script: serviceText("front/website-45.sh", data)},
			{Name: "75-website", Script: serviceText("front/website-75.sh", data)},
		},
	}
	if c.OriginPulls {
		b.Settings = []string{"origin-pull-authority"}
	}
	return b
}

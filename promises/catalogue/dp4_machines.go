package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/host"
)

// encryptedOnMachines is DP-4 on machines: disks, databases, what people and machines say to each other, and copies.
func encryptedOnMachines(s promises.Subject, r *promises.Report) {
	if client := edgeOf(s.Spec); client != nil {
		e := &encryption{r: r, g: s.Graph, client: client, s: s}
		e.edge()
	}
	b := machineBackupOf(s)
	if s.Spec.SiteClient == nil {
		eachHost(s, r, func(m machineCheck) {
			m.modernTLS()
			for _, cluster := range b.clusters {
				m.databaseTLS(b.version, cluster)
			}
			if wants, known := encryptsDisks(s, m.machine); known {
				m.encryptedDisks(wants)
			}
			if b.third != nil {
				m.sealed(m.repository("3"))
			}
		})
	}
	want := map[bool]int{true: 2, false: 1}[s.Spec.SiteClient != nil]
	if s.Spec.Sites != nil {
		return
	}
	eachClient(s, r, want, func(m machineCheck, bundle *graph.Resource, name string) {
		m.onlyHTTPS(name)
		config := m.taskflow(name)
		m.wantTold(config, "public.scheme", "https", "links lead to HTTPS alone")
		m.wantTold(config, "backups.key", "file:/etc/taskflow/"+name+"/backup-key", "the service's own backups are encrypted with the client's key")
		m.wantTold(config, "client.sealKeys", "file:/etc/taskflow/"+name+"/application-key", "secrets in the database are sealed with the client's key")
		tls := "off" // over the machine's own socket
		if s.Spec.LightClient != nil {
			tls = "verify"
			m.wantTold(config, "client.database.password", "file:/etc/taskflow/"+name+"/database-password", "a password from a file that the service alone reads")
			m.wantTold(config, "client.database.caFile", "/etc/taskflow/"+name+"/database-ca.pem", "the database's certificate is verified")
		}
		m.wantTold(config, "client.database.tls", tls, "how the service reaches its database")
		for _, secret := range []string{"certificate", "certificate-key", "backup-key", "application-key"} {
			machineCheck{r, &machine{host: bundle, bundles: m.bundles}, s}.wantSecret(secret)
		}
	})
}

// encryptsDisks is whether a machine's data disks are to be encrypted; known is false where the machine has none of its own.
func encryptsDisks(s promises.Subject, m *machine) (wanted, known bool) {
	switch {
	case m.site != nil:
		return m.site.Disks.Encrypt == nil || *m.site.Disks.Encrypt, true
	case s.Spec.OnPremises != nil:
		e := s.Spec.OnPremises.Disks.Encrypt
		return e == nil || *e, true
	}
	return false, false
}

// encryptedDisks reports whether data lies under LUKS.
func (m machineCheck) encryptedDisks(wanted bool) {
	script := step(m.host, disksStep)
	encrypts := slices.Contains(host.Lines(script), "encrypt=yes")
	found := "not encrypted"
	if encrypts {
		found = "encrypted"
	}
	m.Note(m.host, encrypts && wanted, "steps["+disksStep+"] encrypt", found, "encrypted: LUKS between the mirror and the file system", "set disks.encrypt: true in the stack's file")
	strong := slices.ContainsFunc(host.Commands(script), func(words []string) bool {
		return slices.Contains(words, "luksFormat") && slices.Contains(words, "luks2") && slices.Contains(words, "aes-xts-plain64") && slices.Contains(words, "512")
	})
	found = "no such command"
	if strong {
		found = "luks2, aes-xts-plain64, 512 bits"
	}
	m.Note(m.host, strong, "steps["+disksStep+"] luksFormat", found, "LUKS 2 with AES-256 in XTS mode", fixBundle)
	m.wantPackage("cryptsetup", "what encrypts the disks")
}

const disksStep = "10-disks"

// modernTLS reports whether nginx speaks TLS 1.2 or later alone.
func (m machineCheck) modernTLS() {
	said := map[string]string{}
	plain := ""
	host.Walk(host.ReadNginx(m.files[nginxConf].Content), func(around []string, d host.Directive) {
		said[strings.Join(append(around, d.Name), "/")] = strings.Join(d.Args, " ")
		if d.Name == "listen" && (!slices.Contains(d.Args, "ssl") || !strings.HasPrefix(strings.Join(d.Args, " "), "443 ")) {
			plain = strings.Join(d.Args, " ")
		}
	})
	protocols := said["http/ssl_protocols"]
	m.wantKey(nginxConf, "ssl_protocols", protocols, protocols == "TLSv1.2 TLSv1.3" || protocols == "TLSv1.3", "TLSv1.2 and TLSv1.3 alone")
	ciphers := said["http/ssl_ciphers"]
	strong := ciphers != "" && !slices.ContainsFunc(strings.Split(ciphers, ":"), func(c string) bool {
		return !strings.HasPrefix(c, "ECDHE-") || !strings.Contains(c, "GCM") && !strings.Contains(c, "CHACHA20")
	})
	m.wantKey(nginxConf, "ssl_ciphers", ciphers, strong, "forward secret, authenticated ciphers alone")
	m.wantKey(nginxConf, "ssl_session_tickets", said["http/ssl_session_tickets"], said["http/ssl_session_tickets"] == "off", "off: a stolen ticket key would open what was said before")
	m.wantKey(nginxConf, "listen", or(plain, "443 ssl"), plain == "", "443 under TLS, and no other port")
	m.wantKey(nginxConf, "ssl_reject_handshake", said["http/server/ssl_reject_handshake"], said["http/server/ssl_reject_handshake"] == "on", "on: a name that is nobody's gets no answer")
}

// onlyHTTPS reports whether a client's servers speak TLS alone, and browsers are told to insist on it.
func (m machineCheck) onlyHTTPS(name string) {
	path := clientSite(name)
	for _, server := range m.servers(path) {
		for _, d := range server.Block {
			if d.Name == "listen" {
				m.wantKey(path, "listen", strings.Join(d.Args, " "), len(d.Args) > 1 && d.Args[0] == "443" && slices.Contains(d.Args, "ssl"), "443 under TLS")
			}
			if strings.HasPrefix(d.Name, "ssl_protocols") || strings.HasPrefix(d.Name, "ssl_ciphers") {
				m.wantKey(path, d.Name, strings.Join(d.Args, " "), false, "what "+nginxConf+" says for all clients")
			}
		}
		if host.Arg(server.Block, "listen") == "" {
			m.wantKey(path, "listen", "", false, "443 under TLS")
		}
		hsts := ""
		for _, d := range server.Block {
			if d.Name == "add_header" && len(d.Args) > 1 && d.Args[0] == "Strict-Transport-Security" {
				hsts = d.Args[1]
			}
		}
		seconds := 0
		_, err := fmt.Sscanf(hsts, "max-age=%d", &seconds)
		m.wantKey(path, "Strict-Transport-Security", hsts, err == nil && seconds >= 365*24*60*60, "max-age of a year at least")
		certificate := host.Arg(server.Block, "ssl_certificate")
		m.wantKey(path, "ssl_certificate", certificate, certificate == nginxSites+name+".crt", nginxSites+name+".crt")
		key := host.Arg(server.Block, "ssl_certificate_key")
		m.wantKey(path, "ssl_certificate_key", key, key == nginxSites+name+".key", nginxSites+name+".key, which root alone reads")
	}
}

// databaseTLS reports whether a cluster takes connections from other machines under TLS alone.
func (m machineCheck) databaseTLS(version, cluster string) {
	folder := "/etc/postgresql/" + version + "/" + cluster + "/"
	conf := host.ReadPostgreSQL(m.files, version+"/"+cluster)
	for _, want := range []struct{ key, value string }{
		{"ssl", "on"}, {"password_encryption", "scram-sha-256"}, {"ssl_cert_file", "/etc/berth/certificates/postgresql/server.pem"},
		{"ssl_key_file", "/etc/berth/certificates/postgresql/server.pem"},
	} {
		m.wantKey(folder+"postgresql.conf", want.key, conf[want.key], conf[want.key] == want.value, want.value)
	}
	least := conf["ssl_min_protocol_version"]
	m.wantKey(folder+"postgresql.conf", "ssl_min_protocol_version", least, least == "TLSv1.2" || least == "TLSv1.3", "TLSv1.2 or TLSv1.3")
	ciphers := conf["ssl_ciphers"]
	m.wantKey(folder+"postgresql.conf", "ssl_ciphers", ciphers, ciphers != "" && !slices.ContainsFunc(strings.Split(ciphers, ":"), func(c string) bool { return !strings.HasPrefix(c, "ECDHE+") }), "forward secret ciphers alone")
	for i, a := range host.ReadHBA(m.files[folder+"pg_hba.conf"].Content) {
		m.Note(m.by(folder+"pg_hba.conf"), a.Encrypted(), fileAt(folder+"pg_hba.conf", fmt.Sprintf("line %d", i+1)), a.Line, "hostssl: nobody signs in from another machine in the clear", fixBundle)
	}
}

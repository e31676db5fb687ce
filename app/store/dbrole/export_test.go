package dbrole

import "github.com/berth-iac/berth/app/store"

var MySQLHost = mysqlHost

func remote() *Server {
	return &Server{options: store.Options{Engine: store.MySQL, Host: "db.example.org", TLS: store.Verify}}
}

// ServiceText is the statement that makes the service's account on RDS.
func ServiceText(user string) string {
	return remote().serviceMySQL(Service{User: user, IAM: true}).text.String()
}

// ReaderText is the statement that makes a reader where there is TLS.
func ReaderText(role, host string) string {
	return remote().readerMySQL(Reader{Role: role, Password: "x", Days: 7}, host).text.String()
}

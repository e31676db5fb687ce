client={{.Name}}
database={{.Database}}
until={{.BI.Until}}
from={{range $i, $p := .BI.From}}{{if $i}} {{end}}{{$p}}{{end}}
reason={{line .BI.Reason}}

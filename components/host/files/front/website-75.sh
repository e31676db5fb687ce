# nginx reads the client's site when it is newer than what nginx read last.
client={{quote .Name}}
if [ "$BERTH_ACTION" = remove ]; then exit 0; fi
if systemctl is-active --quiet nginx.service; then
	for file in "/etc/nginx/berth.d/$client".{conf,crt,key,pulls}; do
		if [ -e "$file" ] && [ "$file" -nt /run/nginx/loaded ]; then
			change "nginx reads the site of $client" systemctl reload nginx.service
			break
		fi
	done
elif applying || [ -e /etc/nginx/berth.conf ]; then
	change "start nginx" systemctl restart nginx.service
fi

package spec

// The specs of machines: a pair of sites that exist or are made, a client on them, one on its own premises, and the light tier.

const validAdministrators = `administrators:
  - name: ada-lindqvist
    email: ada.lindqvist@northwind.example
    keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5cTVUJZMnJINJJv3lefPavUIXQdAtrs0dAVJcDEf6H ada]
    until: 2027-06-30
deployKeys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKLCEyUbnl3zXTJ0UFh+aV3n4gu/pc5It14p7sQ1hBl6 pipeline]
`

const validWatch = `watch:
  mail: {host: smtp.northwind.example, from: machines@northwind.example}
  slackWebhook: true
  smsGateway: https://sms.northwind.example/send
alerts:
  emails: [operations@northwind.example]
  phones: ["+442079460123"]
`

const validRelease = `release:
  version: 1.0.0
  sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  source:
    url: https://releases.northwind.example/taskflow
    publicKey: RWSesOUE+X4Y+jV7f/9duH+MOZgsaIGCe2xb62pBNS/aanb7VlfMleut
`

const validSites = `kind: sites
name: southern
environment: production
sites:
  - name: jnb
    displayName: Johannesburg
    country: ZA
    timeZone: Africa/Johannesburg
    machine:
      address: 198.51.100.10
      hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPTIlF/hXzsT0zS3e3WVvw9UjCZvQY4st2J734LotwdR
    disks: {devices: [/dev/disk/by-id/ata-one, /dev/disk/by-id/ata-two]}
  - name: cpt
    displayName: Cape Town
    country: ZA
    timeZone: UTC
    machine:
      address: cpt.northwind.example
      hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPPrnRbEwwqi9hNRF3FfaHhv1Is9fAshe74Xz0IMypBT
      bastion: {address: 203.0.113.9, hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPVHJrcHDrNrwFhRwCpccSGF5tsjX2unRbAeT1cuRE/D}
    disks: {devices: [/dev/disk/by-path/pci-1, /dev/disk/by-path/pci-2], filesystem: xfs}
officeCidrs: [203.0.113.16/29]
` + validAdministrators + `backup:
  thirdPlace: {endpoint: s3.af-south-1.amazonaws.com, region: af-south-1, bucket: berth-southern-backups, country: ZA}
` + validWatch

const validHetznerSites = `kind: sites
name: nordic
sites:
  - name: fsn
    displayName: Falkenstein
    country: DE
    timeZone: Europe/Berlin
    hetzner: {location: fsn1, cidr: 10.30.1.0/24}
  - name: hel
    displayName: Helsinki
    country: FI
    timeZone: Europe/Helsinki
    hetzner: {location: hel1, cidr: 10.30.2.0/24}
officeCidrs: [203.0.113.16/29]
` + validAdministrators + `backup:
  thirdPlace: {endpoint: s3.eu-central-1.amazonaws.com, region: eu-central-1, bucket: berth-nordic-backups, country: DE}
` + validWatch

const validSiteClient = `kind: siteclient
client:
  name: globex
  displayName: Globex Freight (Pty) Ltd
  contacts:
    - {name: Thandi Mokoena, email: thandi.mokoena@globex.example}
countries: [ZA]
pair:
  name: southern
  home:
    name: jnb
    country: ZA
    machine:
      address: 198.51.100.10
      hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPTIlF/hXzsT0zS3e3WVvw9UjCZvQY4st2J734LotwdR
  standby:
    name: cpt
    country: ZA
    machine:
      address: 203.0.113.10
      hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPPrnRbEwwqi9hNRF3FfaHhv1Is9fAshe74Xz0IMypBT
  thirdPlace: ZA
edge:
  hostname: taskflow.globex.example
  zone: globex.example
  zoneId: 5f1c9a4b7e2d4830a6c1d8e0f7b3924c
  accountId: 01a7362d577a6c3019a474fd6f485823
alerts:
  emails: [operations@northwind.example]
` + validRelease

const validPremises = `kind: onpremises
client:
  name: initech
  displayName: Initech GmbH
  contacts:
    - {name: Peter Krause, email: peter.krause@initech.example}
machine:
  address: 10.1.2.10
  hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID/aUErGVoUFUzMAuIdHpeVZqilLsXD8xQr4fGDK0Slg
hostname: taskflow.initech.example
peopleCidrs: [10.0.0.0/8, 192.0.2.0/24]
administratorCidrs: [10.1.2.0/28]
timeZone: Europe/Berlin
disks: {devices: [/dev/disk/by-id/nvme-one, /dev/disk/by-id/nvme-two], erase: [/dev/disk/by-id/nvme-two]}
backup: {folder: /mnt/backup}
` + validAdministrators + validRelease + `watch:
  mail: {host: mail.initech.example, from: taskflow@initech.example}
alerts:
  emails: [it@initech.example]
`

const validLight = `kind: lightclient
client:
  name: hooli
  displayName: Hooli Studio SARL
  contacts:
    - {name: Claire Fontaine, email: claire.fontaine@hooli.example}
residency: eu
aws: {account: "210987654321"}
edge:
  hostname: taskflow.hooli.example
  zone: hooli.example
  zoneId: c8e2b6d10f9347a5b4e17d3a9260f58b
  accountId: 01a7362d577a6c3019a474fd6f485823
officeCidrs: [203.0.113.16/29]
` + validAdministrators + validRelease + validWatch

// validBases are the valid spec of each kind, and of each form of it.
var validBases = []string{validClient, validOrganisation, validSites, validHetznerSites, validSiteClient, validPremises, validLight}

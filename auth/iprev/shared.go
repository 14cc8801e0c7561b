package iprev

import "strings"

// SharedMX tells whether an MX host or another canonical name is of an organization that takes or sends
// mail for many unrelated domains: mailbox providers, mail filters, hosting and forwarding services,
// services that send in the name of others, clouds. That a client is of the same organization as
// such a host, or has mail signed by it, says nothing about the domain.
func SharedMX(host string) bool {
	for name := host; name != ""; {
		if isMailboxProvider(name) || isMailFilter(name) || isHoster(name) || isCloud(name) || isSender(name) {
			return true
		}
		_, name, _ = strings.Cut(name, ".")
	}
	return false
}

// isMailboxProvider knows the domains of the MX hosts of mailboxes, under the customer's own domain
// or the provider's.
func isMailboxProvider(domain string) bool {
	switch domain {
	case "google.com", "googlemail.com", "gmail.com", "smtp.goog",
		"outlook.com", "hotmail.com", "microsoft.com", "office365.us", "partner.outlook.cn", "mx.microsoft",
		"yahoodns.net", "yahoo.com", "yahoo.co.jp", "aol.com", "icloud.com", "me.com", "apple.com",
		"zoho.com", "zoho.eu", "zoho.in", "zoho.jp", "zoho.com.au", "zoho.com.cn", "zohocloud.ca", "zohomail.com",
		"protonmail.ch", "proton.ch", "proton.me", "messagingengine.com", "fastmail.com",
		"tutanota.de", "tuta.com", "mailbox.org", "posteo.de", "runbox.com", "migadu.com", "purelymail.com", "mailfence.com",
		"gmx.net", "gmx.com", "web.de", "mail.com", "mailo.com", "titan.email", "privateemail.com", "emailsrvr.com",
		"yandex.net", "yandex.ru", "yandex.com", "mail.ru", "rambler.ru", "seznam.cz", "wp.pl", "onet.pl", "o2.pl",
		"qq.com", "163.com", "126.com", "netease.com", "mxhichina.com", "aliyun.com", "sina.com", "sina.net",
		"263.net", "icoremail.net", "feishu.cn", "larksuite.com", "naver.com", "worksmobile.com", "kakao.com", "daum.net",
		"rediffmailpro.com", "everyone.net", "intermedia.net", "serverdata.net", "mailanyone.net", "pobox.com":
		return true
	}
	return false
}

// isMailFilter knows the domains of services that filter, forward or take mail for programs.
func isMailFilter(domain string) bool {
	switch domain {
	case "mimecast.com", "mimecast.co.za", "mimecast-offshore.com",
		"pphosted.com", "ppe-hosted.com", "proofpoint.com", "gpphosted.com", "iphmx.com", "messagelabs.com", "symanteccloud.com",
		"barracudanetworks.com", "barracuda.com", "trendmicro.com", "trendmicro.eu", "trendmicro.co.jp",
		"sophos.com", "reflexion.net", "fireeyecloud.com", "mailcontrol.com", "trustwave.com", "fortimail.com", "fortimailcloud.com",
		"hornetsecurity.com", "antispameurope.com", "antispamcloud.com", "mailspamprotection.com", "spamexperts.com",
		"mailroute.net", "mxthunder.com", "mxlogic.net", "mailguard.com.au", "smtproutes.com", "mailprotector.net",
		"retarus.com", "nospamproxy.com", "seppmail.cloud", "cloudfilter.net", "vadesecure.com", "mailinblack.com",
		"libraesva.com", "avanan.net", "area1security.com", "mxrecord.io", "mxrecord.mx", "cloudflare.net", "cloudflare-email.net",
		"mailgun.org", "mailgun.net", "sendgrid.net", "postmarkapp.com", "sparkpostmail.com", "mandrillapp.com",
		"mailjet.com", "brevo.com", "sendinblue.com", "amazonaws.com", "awsapps.com", "mailchannels.net",
		"forwardemail.net", "improvmx.com", "simplelogin.co", "anonaddy.me", "registrar-servers.com", "namecheap.com", "forwardmx.io":
		return true
	}
	return false
}

// isHoster knows the domains of hosting companies, registrars and clouds: their customers' servers
// have PTR names there.
func isHoster(domain string) bool {
	switch domain {
	case "secureserver.net", "godaddy.com", "ovh.net", "ovh.com", "ovh.ca", "ovhcloud.com",
		"ionos.com", "ionos.de", "ionos.co.uk", "ionos.es", "ionos.fr", "kundenserver.de", "1and1.com", "1und1.de", "perfora.net", "ui-dns.com",
		"gandi.net", "hostinger.com", "hostinger.io", "main-hosting.eu", "strato.de", "rzone.de", "stratoserver.net",
		"your-server.de", "hetzner.com", "hetzner.cloud", "contaboserver.net", "contabo.net", "netcup.net", "hosteurope.de",
		"linode.com", "linodeusercontent.com", "digitalocean.com", "vultr.com", "vultrusercontent.com", "scaleway.com", "online.net", "poneytelecom.eu",
		"dreamhost.com", "bluehost.com", "hostgator.com", "websitewelcome.com", "unifiedlayer.com", "hostmonster.com", "justhost.com",
		"web-hosting.com", "a2hosting.com", "inmotionhosting.com", "siteground.com", "siteground.eu", "sgvps.net", "sgcpanel.com", "liquidweb.com",
		"rackspace.com", "hostedemail.com", "b-io.co", "networksolutions.com", "netsolmail.net", "name-services.com", "enom.com", "register.com",
		"one.com", "simply.com", "loopia.se", "binero.se", "domeneshop.no", "active24.com", "wedos.net", "forpsi.com",
		"home.pl", "nazwa.pl", "az.pl", "ovh.pl", "aruba.it", "arubabusiness.it", "register.it", "infomaniak.ch", "infomaniak.com", "hostpoint.ch",
		"transip.email", "transip.nl", "transip.net", "zxcs.nl", "antagonist.nl", "combell.com", "easyname.com", "world4you.com",
		"all-inkl.com", "kasserver.com", "ispgateway.de", "df.eu", "udag.de", "mittwald.de", "agenturserver.de",
		"locaweb.com.br", "uolhost.com.br", "kinghost.net", "umbler.com", "sakura.ne.jp", "xserver.jp", "lolipop.jp", "gmoserver.jp", "onamae.ne.jp",
		"beget.com", "beget.ru", "timeweb.ru", "reg.ru", "nic.ru", "jino.ru",
		"your-storagebox.de", "hostgator.com.br", "hstgr.io", "hstgr.cloud", "ip-ovh.net", "ovh.us", "kimsufi.com", "soyoustart.com",
		"hinet.net", "crazydomains.com", "netregistry.net", "synergywholesale.com", "afrihost.com", "xneelo.co.za":
		return true
	}
	return false
}

// isCloud knows the domains in which clouds and renters of servers name what their customers rent.
func isCloud(domain string) bool {
	switch domain {
	case "cloudapp.azure.com", "googleusercontent.com", "cloudapp.net", "amazonaws.com.cn", "aws.dev", "oraclecloud.com", "oraclevcn.com", "softlayer.com",
		"networklayer.com", "alibabacloud.com", "myqcloud.com", "choopa.net", "upcloud.host", "upcloud.com", "scw.cloud", "kamatera.com",
		"cloudwm.com", "leaseweb.com", "leaseweb.net", "hostwindsdns.com", "hostwinds.com", "colocrossing.com", "psychz.net", "quadranet.com",
		"m247.com", "m247.ro", "interserver.net", "ramnode.com", "buyvm.net", "hosting-by-design.com", "datapacket.com", "cdn77.com",
		"fly.dev", "heroku.com", "packet.net", "exoscale.com", "ionos.space", "gcorelabs.com", "selectel.ru", "firstvds.ru",
		"ispsystem.net", "reg.cloud", "yandexcloud.net", "sbercloud.ru", "contabo.com", "contabo.host", "netcup.com", "yourvserver.net":
		return true
	}
	return false
}

// isSender knows the domains of services that send in the name of their customers: those of their
// hosts' PTR names and of their own signatures.
func isSender(domain string) bool {
	switch domain {
	case "amazonses.com", "sendgrid.com", "mailgun.com", "mailgun.us", "sparkpost.com", "messagebird.com", "mcsv.net", "mcdlv.net",
		"rsgsv.net", "mailchimpapp.net", "mailchimp.com", "sender-sib.com", "sibmail.com", "brevosend.com", "mailjet.net", "mtasv.net",
		"pm-bounces.com", "hubspot.com", "hubspotemail.net", "hubspot.net", "hs-send.com", "exacttarget.com", "salesforce.com", "pardot.com",
		"constantcontact.com", "ccsend.com", "roving.com", "createsend.com", "cmail19.com", "cmail20.com", "klaviyomail.com", "klaviyo.com",
		"activecampaign.com", "acems1.com", "acems2.com", "getresponse.com", "getresponse-mail.com", "mailerlite.com", "mlsend.com", "mailersend.net",
		"sendpulse.com", "smtp2go.com", "smtp.com", "socketlabs.com", "elasticemail.com", "elasticemail.net", "turbo-smtp.com", "rapidmail.de",
		"cleverreach.com", "emsecure.net", "emarsys.net", "bronto.com", "bmsend.com", "responsys.net", "eloqua.com", "en25.com",
		"mktomail.com", "mktoweb.com", "marketo.com", "customeriomail.com", "customer.io", "iterable.com", "braze.com", "icontact.com",
		"aweber.com", "campaign-archive.com", "zendesk.com", "freshdesk.com", "freshemail.io", "intercom-mail.com", "zohocampaigns.com", "zcsend.net",
		"dotmailer.com", "dotdigital.com", "moosend.com", "omnisend.com", "benchmarkemail.com", "mailcamp.nl", "sendcloud.net", "sendcloud.org",
		"aliyuncs.com", "unisender.com", "dashamail.com", "mailpoet.com", "substack.com", "beehiiv.com", "convertkit.com":
		return true
	}
	return false
}

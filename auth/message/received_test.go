package message

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// receivedTests: values of fields, and what is read from them as by describeReceived.
var receivedTests = []struct{ name, value, want string }{
	// Postfix.
	{"Postfix", " from helo.example (ptr.example [192.0.2.1])\r\n\tby mx.test (Postfix) with ESMTP id 4ABC\r\n\tfor <ann@mx.test>; Sun, 22 Nov 2026 10:00:00 +0000 (UTC)",
		"192.0.2.1 helo=helo.example name=ptr.example by=mx.test with=ESMTP"},
	{"Postfix, no name", " from helo.example (unknown [192.0.2.1])\r\n\tby mx.test (Postfix) with ESMTPS id 4ABC; Sun",
		"192.0.2.1 helo=helo.example by=mx.test with=ESMTPS"},
	{"Postfix, IPv6", " from helo.example (ptr.example [IPv6:2001:db8::25]) by mx.test (Postfix) with ESMTP id 4ABC; Sun",
		"2001:db8::25 helo=helo.example name=ptr.example by=mx.test with=ESMTP"},
	{"Postfix, TLS", " from helo.example (ptr.example [192.0.2.1])\r\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\r\n\t key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256)\r\n\t(No client certificate requested)\r\n\tby mx.test (Postfix) with ESMTPS id 4ABC; Sun",
		"192.0.2.1 helo=helo.example name=ptr.example by=mx.test with=ESMTPS"},
	{"Postfix, AUTH", " from [10.0.0.1] (ptr.example [192.0.2.1])\r\n\t(Authenticated sender: [198.51.100.6])\r\n\tby mx.test (Postfix) with ESMTPSA id 4ABC; Sun",
		"192.0.2.1 helo=[10.0.0.1] name=ptr.example by=mx.test with=ESMTPSA"},
	{"Postfix, certificate", ` from helo.example (ptr.example [192.0.2.1]) (Client CN "x [198.51.100.6] HELO y", Issuer "[198.51.100.6]" (not verified)) by mx.test (Postfix) with ESMTPS id 4; Sun`,
		"192.0.2.1 helo=helo.example name=ptr.example by=mx.test with=ESMTPS"},
	{"Postfix, certificate of HELO", ` from helo.example (ptr.example [192.0.2.1]) (Client CN "x HELO y", Issuer "helo=z" (not verified)) by mx.test (Postfix) with ESMTPS id 4; Sun`,
		"192.0.2.1 helo=helo.example name=ptr.example by=mx.test with=ESMTPS"},
	{"Postfix, no address", " from [198.51.100.6] (unknown [unknown]) by mx.test (Postfix) with ESMTP id 4; Sun",
		"- helo=[198.51.100.6] by=mx.test with=ESMTP"},
	{"Postfix, sendmail(1)", " by mx.test (Postfix, from userid 0)\r\n\tid 4ABC; Sun, 22 Nov 2026 10:00:00 +0000 (UTC)", "local by=mx.test"},
	{"Postfix, bounce", " by mx.test (Postfix)\r\n\tid 4ABC; Sun, 22 Nov 2026 10:00:00 +0000 (UTC)", "local by=mx.test"},
	{"filter", " from localhost (localhost [127.0.0.1])\r\n\tby mx.test (Postfix) with ESMTP id 4ABC; Sun",
		"127.0.0.1 helo=localhost name=localhost by=mx.test with=ESMTP"},
	{"amavis", " from mx.test ([127.0.0.1])\r\n by localhost (mx.test [127.0.0.1]) (amavisd-new, port 10024)\r\n with ESMTP id abc for <ann@mx.test>; Sun",
		"127.0.0.1 helo=mx.test by=localhost with=ESMTP"},
	{"amavis, IPv6", " from mx.test ([IPv6:::1]) by localhost (mx.test [IPv6:::1]) (amavis, port 10024) with LMTP id abc; Sun",
		"::1 helo=mx.test by=localhost with=LMTP"},

	// Sendmail, and MailScanner on it.
	{"Sendmail", " from helo.example (ptr.example [192.0.2.1])\r\n\tby mx.test (8.17.1/8.17.1) with ESMTPS id 3AM\r\n\t(version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 bits=256 verify=NOT);\r\n\tSun",
		"192.0.2.1 helo=helo.example name=ptr.example by=mx.test with=ESMTPS"},
	{"Sendmail, may be forged", " from helo.example (ptr.example [192.0.2.1] (may be forged)) by mx.test (8.17.1/8.17.1) with ESMTP id 3AM; Sun",
		"192.0.2.1 helo=helo.example name=ptr.example by=mx.test with=ESMTP"},
	{"Sendmail, PTR of HELO", " from [198.51.100.6] (HELO [192.0.2.1] (may be forged)) by mx.test (8.17.1/8.17.1) with ESMTP id 3AM; Sun",
		"192.0.2.1 helo=[198.51.100.6] name=HELO by=mx.test with=ESMTP"},
	{"Sendmail, PTR like an address", " from x (198.51.100.6 [192.0.2.1] (may be forged)) by mx.test (8.17.1/8.17.1) with ESMTP id 3AM; Sun",
		"192.0.2.1 helo=x name=198.51.100.6 by=mx.test with=ESMTP"},
	{"Sendmail, ident", " from helo.example (joe@ptr.example [192.0.2.1]) by mx.test (8.17.1/8.17.1) with ESMTP id 3AM; Sun",
		"192.0.2.1 helo=helo.example name=ptr.example by=mx.test with=ESMTP"},
	{"Sendmail, IPv6", " from helo.example ([IPv6:2001:db8:0:0:0:0:0:25]) by mx.test (8.17.1/8.17.1) with ESMTP id 3AM; Sun",
		"2001:db8::25 helo=helo.example by=mx.test with=ESMTP"},
	{"Sendmail, no HELO", " (from joe@ptr.example [192.0.2.1]) by mx.test (8.17.1/8.17.1) with SMTP id 3AM; Sun",
		"192.0.2.1 name=ptr.example by=mx.test with=SMTP"},
	{"Sendmail, sendmail(1)", " (from root@localhost)\r\n\tby mx.test (8.17.1/8.17.1/Submit) id 3AM;\r\n\tSun", "local by=mx.test"},
	{"Sendmail, bounce", " from localhost (localhost)\r\n\tby mx.test (8.17.1/8.17.1) id 3AM;\r\n\tSun", "local from helo=localhost by=mx.test"},
	{"localhost with a protocol", " from localhost (localhost) by mx.test with ESMTP id 3AM; Sun", "- helo=localhost by=mx.test with=ESMTP"},
	{"Proofpoint", " from pps.filterd (m01.ppops.test [127.0.0.1]) by m01.ppops.test (8.18.1.2/8.18.1.2) with ESMTP id 4AB; Sun",
		"127.0.0.1 helo=pps.filterd name=m01.ppops.test by=m01.ppops.test with=ESMTP"},

	// Exim.
	{"Exim", " from ptr.example ([192.0.2.1])\r\n\tby mx.test with esmtps  (TLS1.3) tls TLS_AES_256_GCM_SHA384\r\n\t(Exim 4.96)\r\n\t(envelope-from <joe@ptr.example>)\r\n\tid 1abc\r\n\tfor ann@mx.test; Sun",
		"192.0.2.1 helo=ptr.example name=ptr.example by=mx.test with=esmtps"},
	{"Exim, other HELO", " from ptr.example ([192.0.2.1] helo=[198.51.100.6])\r\n\tby mx.test with esmtp (Exim 4.96) id 1abc; Sun",
		"192.0.2.1 helo=[198.51.100.6] name=ptr.example by=mx.test with=esmtp"},
	{"Exim, ident", " from ptr.example ([192.0.2.1] helo=helo.example ident=x [198.51.100.6])\r\n\tby mx.test with esmtp (Exim 4.96) id 1abc; Sun",
		"192.0.2.1 helo=helo.example name=ptr.example by=mx.test with=esmtp"},
	{"Exim, no name", " from [192.0.2.1] (port=4711 helo=[198.51.100.6])\r\n\tby mx.test with esmtp (Exim 4.96) id 1abc; Sun",
		"192.0.2.1 helo=[198.51.100.6] by=mx.test with=esmtp"},
	{"Exim, no name nor port", " from [192.0.2.1] (helo=helo.example) by mx.test with esmtp (Exim 4.96) id 1abc; Sun",
		"192.0.2.1 helo=helo.example by=mx.test with=esmtp"},
	{"Exim, true literal", " from [192.0.2.1] by mx.test with esmtp (Exim 4.96) id 1abc; Sun",
		"192.0.2.1 helo=[192.0.2.1] by=mx.test with=esmtp"},
	{"Exim, IPv6 and port", " from [2001:db8::25] (port=4711 helo=helo.example) by mx.test with esmtp (Exim 4.96) id 1abc; Sun",
		"2001:db8::25 helo=helo.example by=mx.test with=esmtp"},
	{"Exim, name and port", " from ptr.example ([192.0.2.1]:4711 helo=helo.example) by mx.test with esmtp (Exim 4.96) id 1abc; Sun",
		"192.0.2.1 helo=helo.example name=ptr.example by=mx.test with=esmtp"},
	{"Exim, local", " from root by mx.test with local (Exim 4.96)\r\n\t(envelope-from <root@mx.test>)\r\n\tid 1abc; Sun",
		"local from helo=root name=root by=mx.test with=local"},
	{"Exim, local SMTP", " from joe (helo=x) by mx.test with local-esmtp (Exim 4.96) id 1abc; Sun",
		"local from helo=x name=joe by=mx.test with=local-esmtp"},
	{"Exim, nobody", " by mx.test with local (Exim 4.96) id 1abc; Sun", "local by=mx.test with=local"},

	// Microsoft.
	{"Exchange", " from helo.example (192.0.2.1) by EX01.corp.test (10.0.0.5) with Microsoft\r\n SMTP Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id\r\n 15.1.2507.6 via Frontend Transport; Sun",
		"192.0.2.1 helo=helo.example by=EX01.corp.test with=Microsoft"},
	{"Microsoft 365", " from AM0PR01MB1234.eurprd01.prod.exchangelabs.com\r\n (2603:10a6:208::12) by AM0PR01MB5678.eurprd01.prod.exchangelabs.com\r\n (2603:10a6:208::13) with Microsoft SMTP Server (version=TLS1_2) id 15.20; Sun",
		"2603:10a6:208::12 helo=AM0PR01MB1234.eurprd01.prod.exchangelabs.com by=AM0PR01MB5678.eurprd01.prod.exchangelabs.com with=Microsoft"},
	{"Microsoft 365, literal HELO", " from [198.51.100.6] (192.0.2.1) by DB5.mail.protection.outlook.com (10.152.4.1) with Microsoft SMTP Server id 15.20 via Frontend Transport; Sun",
		"192.0.2.1 helo=[198.51.100.6] by=DB5.mail.protection.outlook.com with=Microsoft"},
	{"Microsoft 365, mapi", " from AM0.example ([fe80::abcd:1%4]) by AM0.example\r\n ([fe80::abcd:1%4]) with mapi id 15.20; Sun",
		"fe80::abcd:1 helo=AM0.example by=AM0.example with=mapi"},
	{"SMTPSVC", " from helo.example ([192.0.2.1]) by mx.test with Microsoft SMTPSVC(6.0.3790.4675);\r\n\t Sun",
		"192.0.2.1 helo=helo.example by=mx.test with=Microsoft"},
	{"SMTPSVC pickup", " from mail pickup service by mx.test with Microsoft SMTPSVC; Sun", "local from helo=mail by=mx.test with=Microsoft"},

	// Google and Yahoo.
	{"Google", " from ptr.example (ptr.example. [192.0.2.1])\r\n        by mx.google.com with ESMTPS id a1b2\r\n        for <ann@mx.test>\r\n        (version=TLS1_3); Sun",
		"192.0.2.1 helo=ptr.example name=ptr.example by=mx.google.com with=ESMTPS"},
	{"Google, submission", " from [192.168.1.5] (ptr.example. [192.0.2.1]) by smtp.gmail.com with ESMTPSA id a1b2; Sun",
		"192.0.2.1 helo=[192.168.1.5] name=ptr.example by=smtp.gmail.com with=ESMTPSA"},
	{"Google, inner", " by 2002:a05:6a10:1234 with SMTP id a1b2csp345; Sun", "- no from by=2002:a05:6a10:1234 with=SMTP"},
	{"Yahoo", " from 192.0.2.1  (EHLO helo.example)\r\n  by 10.197.34.16 with SMTPs\r\n  (version=TLS1_2 cipher=x); Sun",
		"192.0.2.1 helo=helo.example by=10.197.34.16 with=SMTPs"},
	{"Yahoo or PTR of EHLO", " from 192.0.2.1 (EHLO [198.51.100.6]) by 10.197.34.16 with SMTPs; Sun", "- helo=192.0.2.1 by=10.197.34.16 with=SMTPs"},

	// qmail and what writes alike.
	{"qmail", " from unknown (HELO helo.example) (192.0.2.1)\r\n  by mx.test with SMTP; 22 Nov 2026 10:00:00 -0000",
		"192.0.2.1 helo=helo.example by=mx.test with=SMTP"},
	{"qmail, ident", " from ptr.example (joe@192.0.2.1) by mx.test with SMTP; 22 Nov", "192.0.2.1 helo=ptr.example by=mx.test with=SMTP"},
	{"qmail, AUTH", " from ptr.example (HELO [127.0.0.1]) (joe@aon.test@[192.0.2.1])\r\n (envelope-sender <joe@aon.test>)\r\n by mx.test (qmail-ldap-1.03) with AES128-SHA encrypted SMTP\r\n for <ann@mx.test>; 22 Nov",
		"192.0.2.1 helo=[127.0.0.1] name=ptr.example by=mx.test with=AES128-SHA"},
	{"qmail, network", " (qmail 1234 invoked from network); 22 Nov 2026 10:00:00 -0000", "- no from"},
	{"qmail, user", " (qmail 1234 invoked by uid 1000); 22 Nov 2026 10:00:00 -0000", "local"},
	{"qmail, bounce", " (qmail 1234 invoked for bounce); 22 Nov 2026 10:00:00 -0000", "local"},
	{"IronPort", " from ptr.example (HELO [198.51.100.6]) ([192.0.2.1])\r\n  by esa.test with ESMTP/TLS/ECDHE-RSA-AES256-GCM-SHA384; 22 Nov",
		"192.0.2.1 helo=[198.51.100.6] name=ptr.example by=esa.test with=ESMTP/TLS/ECDHE-RSA-AES256-GCM-SHA384"},
	{"EHLO", " from unknown (EHLO helo.example) ([192.0.2.1]) by mx.test with ESMTP; Sun", "192.0.2.1 helo=helo.example by=mx.test with=ESMTP"},
	{"James", " from 192.0.2.1 (EHLO helo.example) ([192.0.2.1])\r\n by mx.test (JAMES SMTP Server ) with ESMTPS ID 12; Sun",
		"192.0.2.1 helo=helo.example by=mx.test with=ESMTPS"},
	{"MessageLabs", " from ptr.example (HELO helo.example) (192.0.2.1)\r\n by server-2.test with (AES256-SHA encrypted) SMTP; 22 Nov",
		"192.0.2.1 helo=helo.example name=ptr.example by=server-2.test with=SMTP"},

	// Others.
	{"Courier", " from helo.example (ptr.example [::ffff:192.0.2.1])\r\n  (TLS: TLSv1.3,256bits,ECDHE_RSA)\r\n  by mx.test with ESMTPS\r\n  id 00000000.0000; Sun",
		"192.0.2.1 helo=helo.example name=ptr.example by=mx.test with=ESMTPS"},
	{"Haraka", " from helo.example (ptr.example [192.0.2.1])\r\n\tby mx.test (Haraka/3.0.3) with ESMTPS id 1AB.1\r\n\tenvelope-from <joe@ptr.example>\r\n\ttls TLS_AES_256_GCM_SHA384;\r\n\tSun",
		"192.0.2.1 helo=helo.example name=ptr.example by=mx.test with=ESMTPS"},
	{"OpenSMTPD", " from helo.example (<unknown> [192.0.2.1])\r\n\tby mx.test (OpenSMTPD) with ESMTPS id 12 (TLSv1.3:TLS_AES_256_GCM_SHA384:256:NO)\r\n\tfor <ann@mx.test>;\r\n\tSun",
		"192.0.2.1 helo=helo.example by=mx.test with=ESMTPS"},
	{"OpenSMTPD, local", " from localhost (mx.test [local])\r\n\tby mx.test (OpenSMTPD) with ESMTPA id 12; Sun", "local from helo=localhost by=mx.test with=ESMTPA"},
	{"Cyrus", " from localhost ([unix socket])\r\n\t by mx.test (Cyrus 3.4.1) with LMTPA; Sun", "local from helo=localhost by=mx.test with=LMTPA"},
	{"DragonFly", " from root (uid 0)\r\n\t(envelope-from root@mx.test)\r\n\tid 12\r\n\tby mx.test (DragonFly Mail Agent v0.13); Sun", "local from helo=root by=mx.test"},
	{"nullmailer", " (nullmailer pid 1234 invoked by uid 1000);\r\n\tSun", "local"},
	{"CommuniGate", " from [192.0.2.1] (HELO [198.51.100.6])\r\n  by mx.test (CommuniGate Pro SMTP 6.3) with ESMTP id 12; Sun", "192.0.2.1 helo=[198.51.100.6] by=mx.test with=ESMTP"},
	{"CommuniGate, AUTH", " from [192.0.2.1] (account joe@mx.test HELO [198.51.100.6]) by mx.test (CommuniGate Pro SMTP 6.3) with ESMTPSA id 12; Sun",
		"192.0.2.1 helo=[198.51.100.6] by=mx.test with=ESMTPSA"},
	{"Domino", " from helo.example ([192.0.2.1])\r\n          by mx.test (Lotus Domino Release 9.0)\r\n          with ESMTP id 20261122-1; Sun", "192.0.2.1 helo=helo.example by=mx.test with=ESMTP"},
	{"Stalwart", " from helo.example (ptr.example [192.0.2.1] (AS64500 Example, DE))\r\n\t(using TLSv1.3 with cipher X)\r\n\tby mx.test (Stalwart SMTP) with ESMTPS id 3; Sun",
		"192.0.2.1 helo=helo.example name=ptr.example by=mx.test with=ESMTPS"},
	{"unverified", " from helo.example (unverified [192.0.2.1]) by mx.test (SMTPD32) with ESMTP id A; Sun", "192.0.2.1 helo=helo.example name=unverified by=mx.test with=ESMTP"},
	{"XMail", " from helo.example (192.0.2.1:41234)\r\n\tby mx.test with [XMail 1.27 ESMTP Server]; Sun", "192.0.2.1 helo=helo.example by=mx.test with=[XMail"},
	{"ZMailer", " from ptr.example ([192.0.2.1]:37633 \"HELO\r\n\t[198.51.100.6]\" rhost-flags-OK) by mx.test with SMTP id S1; Sun", "192.0.2.1 helo=ptr.example by=mx.test with=SMTP"},
	{"list", " (majordomo@mx.test) by mx.test via listexpand id S1 (ORCPT <rfc822;x@mx.test>); Sun", "local by=mx.test"},
	{"fetchmail", " from pop.example [192.0.2.1]\r\n\tby localhost with POP3 (fetchmail-6.4)\r\n\tfor <joe@localhost> (single-drop); Sun", "192.0.2.1 helo=pop.example by=localhost with=POP3"},
	{"name and bare address", " from helo.example (ptr.example 192.0.2.1) by mx.test; Sun", "192.0.2.1 helo=helo.example name=ptr.example by=mx.test"},
	{"LMTP", " from mx.test\r\n\tby mx.test with LMTP\r\n\tid abc; Sun", "- helo=mx.test by=mx.test with=LMTP"},
	{"webmail", " from [192.0.2.1]\r\n by mx.test with HTTP (HTTP/1.1 POST); Sun", "- helo=[192.0.2.1] by=mx.test with=HTTP"},
	{"capitals", " FROM helo.example (ptr.example [ipv6:2001:DB8::25]) BY mx.test WITH ESMTP; Sun", "2001:db8::25 helo=helo.example name=ptr.example by=mx.test with=ESMTP"},
	{"comments nested", " from helo.example ((a (b)) ptr.example (c (d)) [192.0.2.1]) (e (f)) by mx.test; Sun", "192.0.2.1 helo=helo.example name=ptr.example by=mx.test"},
	{"no by", " from helo.example (ptr.example [192.0.2.1]); Sun ([198.51.100.6])", "192.0.2.1 helo=helo.example name=ptr.example"},
	{"the same address twice", " from helo.example ([192.0.2.1]) (192.0.2.1) by mx.test; Sun", "192.0.2.1 helo=helo.example by=mx.test"},

	// HELO names of a hostile client.
	{"literal", " from [198.51.100.6] (evil [192.0.2.1]) by mx.test (Postfix) with ESMTP id 4; Sun", "192.0.2.1 helo=[198.51.100.6] name=evil by=mx.test with=ESMTP"},
	{"parenthesis", " from a(b (ptr.example [192.0.2.1]) by mx.test (Postfix) with ESMTP id 4; Sun", "192.0.2.1 helo=a(b name=ptr.example by=mx.test with=ESMTP"},
	{"comment", " from a([198.51.100.6]) (ptr.example [192.0.2.1]) by mx.test (Postfix) with ESMTP id 4; Sun", "192.0.2.1 helo=a([198.51.100.6]) name=ptr.example by=mx.test with=ESMTP"},
	{"closing parenthesis", " from a) (ptr.example [192.0.2.1]) by mx.test; Sun", "192.0.2.1 helo=a) name=ptr.example by=mx.test"},
	{"open at first", " from (a (ptr.example [192.0.2.1]) by mx.test (Postfix); Sun", "192.0.2.1 helo=(a name=ptr.example by=mx.test"},
	{"open behind helo=", " from ptr.example ([192.0.2.1] helo=a(b) by mx.test with esmtp (Exim 4.96) id 1; Sun", "192.0.2.1 helo=a(b name=ptr.example by=mx.test with=esmtp"},
	{"escape behind helo=", ` from ptr.example ([192.0.2.1] helo=a\) by mx.test with esmtp (Exim 4.96) id 1; Sun`, `192.0.2.1 helo=a\ name=ptr.example by=mx.test with=esmtp`},
	{"quote", ` from " (ptr.example [192.0.2.1]) by mx.test; Sun`, `192.0.2.1 helo=" name=ptr.example by=mx.test`},
	{"by", " from by (ptr.example [192.0.2.1]) by mx.test; Sun", "192.0.2.1 helo=by name=ptr.example by=mx.test"},
	{"from", " from from (ptr.example [192.0.2.1]) by mx.test; Sun", "192.0.2.1 helo=from name=ptr.example by=mx.test"},
	{"helo=", " from helo=[198.51.100.6] (ptr.example [192.0.2.1]) by mx.test; Sun", "192.0.2.1 helo=helo=[198.51.100.6] name=ptr.example by=mx.test"},
	{"by clause", " from x by mx.test with ESMTPSA id 1 (ptr.example [192.0.2.1]) by mx.test with ESMTP id 4; Sun", "- helo=x by=mx.test with=ESMTPSA"},
	{"by clause that does not end", " from x [6.6.6.6] by y with ESMTPSA (evil.example [198.51.100.9]) by gw.test (Postfix) with ESMTP id 4; Sun", "- helo=x by=y with=ESMTPSA"},
	{"by clause in Exim's HELO", " from [198.51.100.9] (helo=a) by b with esmtpsa (c) by gw with esmtp (Exim 4.96) id 1; Sun", "- helo=a by=b with=esmtpsa"},
	{"by clause with a literal", " from x [198.51.100.6] by mx.test with ESMTPSA for y; (ptr.example [192.0.2.1]) by mx.test with ESMTP id 4; Sun", "- helo=x by=mx.test with=ESMTPSA"},
	{"by in a comment", " from x (ptr.example [192.0.2.1]) (sent by y) by mx.test (made by z) with ESMTP id 4; Sun", "192.0.2.1 helo=x name=ptr.example by=mx.test with=ESMTP"},
	{"a second comment", " from x (y [198.51.100.6]) (ptr.example [192.0.2.1]) by mx.test; Sun", "- helo=x by=mx.test"},
	{"two literals", " from x ([198.51.100.6] [192.0.2.1]) by mx.test; Sun", "- helo=x by=mx.test"},
	{"a word", " from x [198.51.100.6] (ptr.example [192.0.2.1]) by mx.test; Sun", "- helo=x by=mx.test"},
	{"nothing but a literal", " from [198.51.100.6] by mx.test with SMTP; Sun", "- helo=[198.51.100.6] by=mx.test with=SMTP"},
	{"nothing but an address", " from 198.51.100.6 by mx.test with SMTP; Sun", "- helo=198.51.100.6 by=mx.test with=SMTP"},
	{"PTR of HELO", " from [198.51.100.6] (HELO [192.0.2.1]) by mx.test (Haraka/3.0.3) with ESMTP id 1; Sun", "192.0.2.1 helo=[198.51.100.6] name=HELO by=mx.test with=ESMTP"},
	{"PTR of EHLO", " from x (ehlo [192.0.2.1])\r\n\t(using TLSv1.3 with cipher X)\r\n\tby mx.test with ESMTP id 1; Sun", "192.0.2.1 helo=x name=ehlo by=mx.test with=ESMTP"},
	{"PTR of helo=", " from y (helo=x [192.0.2.1]) by mx.test with ESMTP id 1; Sun", "192.0.2.1 helo=y name=helo=x by=mx.test with=ESMTP"},
	{"PTR of ident=", " from [198.51.100.6] (ident=x [192.0.2.1]) by mx.test with ESMTP id 1; Sun", "192.0.2.1 helo=[198.51.100.6] name=ident=x by=mx.test with=ESMTP"},
	{"PTR of helo= and a comment", " from x (helo=x [198.51.100.6]) (ptr.example [192.0.2.1]) by mx.test; Sun", "192.0.2.1 helo=x name=x by=mx.test"},
	{"whole comment", " from ([198.51.100.6]) (ptr.example [192.0.2.1]) by mx.test; Sun", "192.0.2.1 helo=([198.51.100.6]) name=ptr.example by=mx.test"},
	{"two comments", " from (x)([198.51.100.6]) (ptr.example [192.0.2.1]) by mx.test; Sun", "192.0.2.1 helo=(x)([198.51.100.6]) name=ptr.example by=mx.test"},
	{"nothing but a comment", " from ([198.51.100.6]) by mx.test with SMTP; Sun", "- helo=([198.51.100.6]) by=mx.test with=SMTP"},
	{"none, name", " from (ptr.example [192.0.2.1]) by mx.test; Sun", "192.0.2.1 name=ptr.example by=mx.test"},
	{"long", " from " + strings.Repeat("x", 256) + " (ptr.example [192.0.2.1]) by mx.test; Sun", "192.0.2.1 name=ptr.example by=mx.test"},

	// Addresses that are none.
	{"unspecified", " from x (y [0.0.0.0]) by mx.test; Sun", "- helo=x by=mx.test"},
	{"multicast", " from x (y [224.0.0.1]) by mx.test; Sun", "- helo=x by=mx.test"},
	{"five parts", " from x (y [1.2.3.4.5]) by mx.test; Sun", "- helo=x by=mx.test"},
	{"leading zero", " from x (y [192.0.02.1]) by mx.test; Sun", "- helo=x by=mx.test"},
	{"open bracket", " from x (y [192.0.2.1) by mx.test; Sun", "- helo=x by=mx.test"},
	{"text behind the bracket", " from x (y [192.0.2.1]x) by mx.test; Sun", "- helo=x by=mx.test"},
	{"only the tag", " from x (y [IPv6:]) by mx.test; Sun", "- helo=x by=mx.test"},
	{"endless zone", " from x (y [fe80::1%" + strings.Repeat("1", 100) + "]) by mx.test; Sun", "- helo=x by=mx.test"},
	{"third word", " from x (y z [192.0.2.1]) by mx.test; Sun", "- helo=x by=mx.test"},
	{"address of the writer", " from x by mx.test ([192.0.2.1]) with SMTP; Sun", "- helo=x by=mx.test with=SMTP"},
	{"recipient", " from x for <y> ([192.0.2.1]) by mx.test; Sun", "- helo=x"},

	{"nothing", "", "- no from"},
	{"white space", " \r\n ", "- no from"},
	{"from", " from", "-"},
	{"by", " by", "- no from"},
	{"date", " ; Sun, 22 Nov 2026 10:00:00 +0000", "- no from"},
	{"no keyword", " id 4ABC by mx.test", "- no from"},
}

func describeReceived(r Received) string {
	var parts []string
	switch {
	case r.Local:
		parts = append(parts, "local")
		if r.From {
			parts = append(parts, "from")
		}
	case r.IP.IsValid():
		parts = append(parts, r.IP.String())
	case r.From:
		parts = append(parts, "-")
	default:
		parts = append(parts, "- no from")
	}
	for _, p := range []struct{ key, value string }{{"helo", r.Helo}, {"name", r.Name}, {"by", r.By}, {"with", r.With}} {
		if p.value != "" {
			parts = append(parts, p.key+"="+p.value)
		}
	}
	return strings.Join(parts, " ")
}

func TestParseReceived(t *testing.T) {
	for _, tt := range receivedTests {
		r := ParseReceived(tt.value)
		if got := describeReceived(r); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
		if r.IP.IsValid() && !r.From {
			t.Errorf("%s: an address without a from clause", tt.name)
		}
	}
}

// A field of any length is read, in linear time: FuzzParseReceived and the benchmark look at the cost.
func TestAuthenticated(t *testing.T) {
	const postfix = " from laptop (ptr.example [192.0.2.1])\r\n\t(Authenticated sender: joe)\r\n\tby mx.test (Postfix) with %s id 4ABC; Sun"
	for with, want := range map[string]bool{
		"ESMTPA": true, "ESMTPSA": true, "esmtpa": true, "esmtpsa": true, "asmtp": true, "UTF8SMTPA": true, "UTF8SMTPSA": true,
		"LMTPA": true, "LMTPSA": true, "UTF8LMTPA": true, "UTF8LMTPSA": true, "ESMTPSA;": true,
		"ESMTP": false, "ESMTPS": false, "SMTPs": false, "UTF8SMTPS": false, "LMTPS": false, "HTTPA": false, "Microsoft": false,
		"local-esmtpa": false, "XESMTPSA": false, "(ESMTPSA) ESMTPS": false, "ESMTPS (ESMTPSA)": false, "ESMTPS with ESMTPSA": false, "": false,
	} {
		if r := ParseReceived(fmt.Sprintf(postfix, with)); r.Authenticated() != want {
			t.Errorf("%q: %t", with, !want)
		}
	}
	for _, value := range []string{
		" from ESMTPSA (ptr.example [192.0.2.1]) by mx.test with ESMTP; Sun",
		" from with (ESMTPSA [192.0.2.1]) by mx.test with ESMTP; Sun",
		" from x (with ESMTPSA [192.0.2.1]) by mx.test with ESMTP; Sun",
		" from x (ptr.example [192.0.2.1]) with ESMTPSA by mx.test with ESMTP; Sun",
		" from x (ptr.example [192.0.2.1]) by mx.test with ESMTP for <with> with ESMTPSA; Sun",
		" from x (ptr.example [192.0.2.1]) by mx.test; with ESMTPSA",
		" from x by mx.test with ESMTPSA; Sun",
		" by mx.test with ESMTPSA; Sun",
		" from localhost (mx.test [local]) by mx.test (OpenSMTPD) with ESMTPA id 12; Sun",
	} {
		if r := ParseReceived(value); r.Authenticated() {
			t.Errorf("%q: authenticated", value)
		}
	}
}

func TestParseReceivedLong(t *testing.T) {
	for _, h := range hostileReceived {
		long := " from x (ptr.example [192.0.2.1]) " + h.value(200<<10) + " by mx.test with SMTP; Sun"
		if r := ParseReceived(long); r.IP != netip.MustParseAddr("192.0.2.1") {
			t.Errorf("%s: %s", h.name, describeReceived(r))
		}
	}
}

// hostileReceived are texts that hold no address of their own.
var hostileReceived = []hostileValue{
	{"open comments", "", "(", ""},
	{"comments half open", "", "(( a) ", ""},
	{"nested comments", "", "(a ", strings.Repeat(")", 200<<10/3)},
	{"comments", "", "(a) ", ""},
	{"closed comments", "", ") ", ""},
	{"escapes", "(", `\)`, ""},
	{"words", "", "a ", ""},
	{"letters", "", "a", ""},
	{"brackets", "", "[ ", ""},
	{"folds", "", "\r\n ", ""},
	{"HELO names", "", "(HELO x) ", ""},
	{"pairs", "(", "a=b ", ")"},
}

func FuzzParseReceived(f *testing.F) {
	for _, tt := range receivedTests {
		f.Add(tt.value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r := ParseReceived(value)
		switch {
		case r.IP.IsValid() && (!r.From || r.Local):
			t.Errorf("%q: %+v", value, r)
		case r.IP.IsValid() && (r.IP.Is4In6() || r.IP.Zone() != "" || r.IP.IsUnspecified()):
			t.Errorf("%q: the address %s", value, r.IP)
		case len(r.Helo) > maxHelo:
			t.Errorf("%q: HELO name of %d bytes", value, len(r.Helo))
		}
		// Whatever one word a client says in HELO, the address that Postfix writes counts.
		helo := strings.Map(func(r rune) rune {
			if strings.ContainsRune(white+"\v\f", r) {
				return -1
			}
			return r
		}, value)
		if helo == "" || helo[0] == '(' && strings.Count(helo, ")") > 0 {
			return // may be a comment with the white space in front of the next one
		}
		field := fmt.Sprintf(" from %s (ptr.example [192.0.2.1])\r\n\tby mx.test (Postfix) with ESMTP id 4ABC; Sun", helo)
		if r := ParseReceived(field); r.IP != netip.MustParseAddr("192.0.2.1") || r.Authenticated() || r.Helo != helo && len(helo) <= maxHelo {
			t.Errorf("HELO %q: %s", helo, describeReceived(r))
		}
	})
}

func BenchmarkParseReceived(b *testing.B) {
	values := map[string]string{"Postfix": receivedTests[0].value}
	for _, h := range hostileReceived {
		values[h.name] = " from x " + h.value(60<<10)
	}
	for name, value := range values {
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(value)))
			for b.Loop() {
				ParseReceived(value)
			}
		})
	}
}

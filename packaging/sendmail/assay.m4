dnl assay for Sendmail: add the last line to sendmail.mc, or include this file there with
dnl
dnl   include(`/usr/share/doc/assay/examples/assay.m4')dnl
dnl
dnl then make sendmail.cf anew (make -C /etc/mail) and restart Sendmail.
dnl
dnl F=T has the sender try again later while the daemon can't be reached; without F= mail goes through
dnl without the stamp. If later filters trust the stamp, leave T: mail that passed by the daemon still
dnl carries what a sender forged.
dnl
dnl T= are the timeouts: to connect, to send, to wait for a reply, and for the end of the message. R and E have to
dnl be above message_timeout of the config (25s).
dnl
dnl A unix socket is S=local:/run/assay/assay.sock. Filters run in the order of their lines: assay
dnl stands before what reads its results and before what signs.
dnl
dnl assay asks for the macros that it needs; confMILTER_MACROS_* need no change. Users who submit mail need no check:
dnl the daemon for them gets its own InputMailFilters, as in
dnl
dnl   DAEMON_OPTIONS(`Name=MSA, Port=587, M=Ea, InputMailFilters=')dnl
dnl
INPUT_MAIL_FILTER(`assay', `S=inet:8893@127.0.0.1, F=T, T=C:10s;S:10s;R:30s;E:1m')dnl

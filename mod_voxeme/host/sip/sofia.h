/*
 * sofia-sip's headers, with the types that its callbacks carry for us. The only way in: the library
 * fixes these types at the first inclusion, so every file has to see the same ones.
 */
#ifndef VX_HOST_SIP_SOFIA_H
#define VX_HOST_SIP_SOFIA_H

struct vx_sip;
struct vx_leg;

#define NUA_MAGIC_T     struct vx_sip
#define NUA_HMAGIC_T    struct vx_leg
#define SU_ROOT_MAGIC_T void
#define SU_TIMER_ARG_T  void
#define SU_WAKEUP_ARG_T void
#define SU_MSG_ARG_T    void

/* Its inline functions do not pass our warnings. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <sofia-sip/msg.h>
#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nta.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/nua.h>
#include <sofia-sip/nua_tag.h>
#include <sofia-sip/sdp.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_extra.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>
#include <sofia-sip/sip_protos.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/sip_util.h>
#include <sofia-sip/su_addrinfo.h>
#include <sofia-sip/su_log.h>
#include <sofia-sip/su_wait.h>
#include <sofia-sip/tport.h>
#include <sofia-sip/tport_tag.h>
#include <sofia-sip/url.h>
#pragma GCC diagnostic pop

#endif

//! Who publishes and who subscribes, as the ROS graph has it, with the quality of service at each end.
//!
//! r2r tells of publishers alone and keeps the handle of its node to itself. So rcl is asked by a node of its own, in a context
//! of its own: a second participant of this process, without a topic or a service. Its name begins with an underscore, by
//! which tools know a node that is not for people.
#![expect(unsafe_code, reason = "rcl has C functions only; each call's needs are stated beside it")]

use crate::config::NodeName;
use r2r::QosProfile;
use r2r_rcl as rcl;
use std::ffi::{CStr, CString, c_char, c_int};
use std::os::unix::ffi::OsStringExt;

/// One end of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The node that it belongs to, by its full name.
    pub node: String,
    /// The message type, as the graph writes it.
    pub type_name: String,
    /// What it offers, or asks for.
    pub qos: QosProfile,
}

/// A node that only looks at the graph.
pub struct GraphObserver {
    // In boxes, for rcl keeps pointers to them.
    node: Box<rcl::rcl_node_t>,
    context: Box<rcl::rcl_context_t>,
}

// SAFETY: rcl's handles belong to no thread; this one is used by one at a time, as its methods borrow it mutably.
unsafe impl Send for GraphObserver {}

impl GraphObserver {
    /// Beside the node of this name, with the arguments of this process, of which it takes the enclave.
    ///
    /// # Errors
    /// rcl's own words.
    pub fn beside(node: &NodeName) -> Result<Self, String> {
        let name = c_string(&format!("_{}_graph", node.name()))?;
        let namespace = c_string(node.namespace())?;
        let arguments: Vec<CString> =
            std::env::args_os().filter_map(|argument| CString::new(argument.into_vec()).ok()).collect();
        let pointers: Vec<*const c_char> = arguments.iter().map(|argument| argument.as_ptr()).collect();
        let count = c_int::try_from(pointers.len()).map_err(|_| "too many arguments".to_owned())?;
        // SAFETY: makes values, asks for nothing.
        let (mut context, mut options) = unsafe {
            (Box::new(rcl::rcl_get_zero_initialized_context()), rcl::rcl_get_zero_initialized_init_options())
        };
        // SAFETY: the options are zero, as is asked for; the arguments end with a null and live through the calls, which copy
        // them; the options are let go of once and not used again.
        let code = unsafe {
            let allocator = rcl::rcutils_get_default_allocator();
            match rcl::rcl_init_options_init(&raw mut options, allocator) {
                0 => {
                    let code = rcl::rcl_init(count, pointers.as_ptr(), &raw const options, &raw mut *context);
                    rcl::rcl_init_options_fini(&raw mut options);
                    code
                }
                code => code,
            }
        };
        done(code)?;
        // SAFETY: makes a value.
        let mut observer = Self { node: Box::new(unsafe { rcl::rcl_get_zero_initialized_node() }), context };
        // SAFETY: the context is initialized and outlives the node, see `drop`; names and options live through the call,
        // which copies them.
        let code = unsafe {
            let mut options = rcl::rcl_node_get_default_options();
            // Names are as they are to be, and it has nothing to log.
            options.use_global_arguments = false;
            options.enable_rosout = false;
            // It has no arguments, and rcl wants to have parsed even those.
            let none = std::ptr::null();
            let parsed = rcl::rcl_parse_arguments(0, none, options.allocator, &raw mut options.arguments);
            done(parsed)?;
            let (node, context) = (&raw mut *observer.node, &raw mut *observer.context);
            let code = rcl::rcl_node_init(node, name.as_ptr(), namespace.as_ptr(), context, &raw const options);
            rcl::rcl_node_options_fini(&raw mut options);
            code
        };
        done(code)?;
        Ok(observer)
    }

    /// The topics that a node publishes, by full name. None while the graph does not know it.
    pub fn published_by(&mut self, node: &NodeName) -> Vec<String> {
        let (Ok(name), Ok(namespace)) = (c_string(node.name()), c_string(node.namespace())) else { return Vec::new() };
        // SAFETY: the node is initialized, the strings end with a null and live through the call; what is found is zero before
        // and let go of once, after its names have been copied.
        unsafe {
            let mut allocator = rcl::rcutils_get_default_allocator();
            let mut found = rcl::rmw_get_zero_initialized_names_and_types();
            let code = rcl::rcl_get_publisher_names_and_types_by_node(
                &raw const *self.node,
                &raw mut allocator,
                false,
                name.as_ptr(),
                namespace.as_ptr(),
                &raw mut found,
            );
            if done(code).is_err() {
                return Vec::new();
            }
            let names = (0..found.names.size).map(|at| text(*found.names.data.add(at))).collect();
            rcl::rcl_names_and_types_fini(&raw mut found);
            names
        }
    }

    /// Who publishes a topic.
    pub fn publishers(&mut self, topic: &str) -> Vec<Endpoint> {
        self.ends(rcl::rcl_get_publishers_info_by_topic, topic)
    }

    /// Who subscribes to a topic.
    pub fn subscriptions(&mut self, topic: &str) -> Vec<Endpoint> {
        self.ends(rcl::rcl_get_subscriptions_info_by_topic, topic)
    }

    fn ends(&mut self, ask: Ask, topic: &str) -> Vec<Endpoint> {
        let Ok(topic) = c_string(topic) else { return Vec::new() };
        // SAFETY: as above; `ask` is one of rcl's two functions of this form.
        unsafe {
            let mut allocator = rcl::rcutils_get_default_allocator();
            let mut found = rcl::rmw_get_zero_initialized_topic_endpoint_info_array();
            let code = ask(&raw const *self.node, &raw mut allocator, topic.as_ptr(), false, &raw mut found);
            let ends = match done(code) {
                Ok(()) => (0..found.size).map(|at| endpoint(&*found.info_array.add(at))).collect(),
                Err(_) => Vec::new(),
            };
            rcl::rmw_topic_endpoint_info_array_fini(&raw mut found, &raw mut allocator);
            ends
        }
    }
}

impl Drop for GraphObserver {
    fn drop(&mut self) {
        // SAFETY: the node before its context, each once; a node that was never initialized is taken too.
        unsafe {
            rcl::rcl_node_fini(&raw mut *self.node);
            rcl::rcl_shutdown(&raw mut *self.context);
            rcl::rcl_context_fini(&raw mut *self.context);
            rcl::rcutils_reset_error();
        }
    }
}

/// rcl's two functions that tell the ends of a topic.
type Ask = unsafe extern "C" fn(
    *const rcl::rcl_node_t,
    *mut rcl::rcutils_allocator_t,
    *const c_char,
    bool,
    *mut rcl::rcl_topic_endpoint_info_array_t,
) -> rcl::rcl_ret_t;

fn c_string(words: &str) -> Result<CString, String> {
    CString::new(words).map_err(|_| format!("{words:?} holds a null character"))
}

/// What rcl says to a code that is none of success.
fn done(code: rcl::rcl_ret_t) -> Result<(), String> {
    if code == 0 {
        return Ok(());
    }
    // SAFETY: the words are a copy that ends with a null; they are of this thread, as is what is reset.
    unsafe {
        let words = text(rcl::rcutils_get_error_string().str_.as_ptr());
        rcl::rcutils_reset_error();
        Err(format!("{words} (code {code})"))
    }
}

/// # Safety
/// The string ends with a null.
unsafe fn text(string: *const c_char) -> String {
    // SAFETY: see above.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}

/// # Safety
/// rcl has filled it.
unsafe fn endpoint(info: &rcl::rmw_topic_endpoint_info_t) -> Endpoint {
    // SAFETY: rcl's strings end with a null.
    let [name, namespace, type_name] =
        unsafe { [text(info.node_name), text(info.node_namespace), text(info.topic_type)] };
    let node = format!("{}/{name}", namespace.trim_end_matches('/'));
    Endpoint { node, type_name, qos: info.qos_profile.into() }
}

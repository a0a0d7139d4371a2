/* A node, and what all parts of the core know of it. */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <fenv.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
/* A node is two cache lines, with what the collector keeps before it. */
#define PREFETCH(p) \
    (__builtin_prefetch((char *)(p) - 16, 1), __builtin_prefetch((char *)(p) + 63, 1))
#define READ_AHEAD(p) __builtin_prefetch(p)
#else
#define READ_AHEAD(p) ((void)(p))
#define UNLIKELY(x) (x)
#define PREFETCH(p) ((void)(p))
#endif

/* What is in the union fields of a node. */
enum {
    NONE,         /* nothing: a leaf */
    NUMBER,       /* `number`: a leaf for a plain number of an expression */
    DOUBLE,       /* `place`: a leaf whose number is in a store of float64 */
    SINGLE,       /* the same of float32 */
    MANY,         /* the inputs are in `more.inputs` */
    ONE,          /* `a` */
    ONE_STATIC,   /* `a` and `k` */
    TWO,          /* `a` and `b` */
    THREE         /* `a` and `rest` */
};

typedef struct Value Value;
typedef struct { Value *b, *c; } Rest;

struct Value {
    PyObject_HEAD
    double data, grad;
    union { Value *a; void *place; };
    union { Value *b; double k; PyObject *number; Rest *rest; };
    PyObject *more;                /* what few nodes have: a `notes.More`, or NULL */
    unsigned long long mark : 48;  /* the last backward pass that came here; 0 if none did */
    unsigned long long row : 12;   /* ROW_… */
    unsigned long long kind : 4;
};

enum { MOST_ROWS = 4096 };

static PyTypeObject *value_type;
static PyObject *more_type, *as_number, *real, *tell_made, *tell_leaf;
static PyObject *rows[MOST_ROWS]; /* the row of the op table that a number stands for */
static unsigned char arity[MOST_ROWS];
static int row_count;
static int observed;              /* whether anybody watches */
static PyObject *kept_nodes, *kept_leaves; /* lists for what `kept_thread` makes, or NULL */
static unsigned long kept_thread;
static PyObject *owed;            /* writes gradients of Values in stores; NULL: there are none */

#define OBJECT(v) ((PyObject *)(v))
#define REFERENCE(v) ((Value *)Py_NewRef(OBJECT(v)))
#define IS_VALUE(x) (Py_TYPE(OBJECT(x)) == value_type)  /* and of no subclass */
#define ANY_VALUE(x) (IS_VALUE(x) || PyObject_TypeCheck(OBJECT(x), value_type))

#include "rows.h"

/* Writes what is owed, where that may be of a Value; 0 with an error set, and it is owed still. */
static int pay(void) {
    PyObject *write = owed;
    owed = NULL;
    PyObject *done = PyObject_CallNoArgs(write);
    if (!done && !owed) owed = Py_NewRef(write);
    Py_DECREF(write);
    Py_XDECREF(done);
    return done != NULL;
}
#define PAID(v) (!UNLIKELY(owed) || (v)->row != ROW_STORED || pay())

static inline int is_leaf(const Value *v) { return v->row <= ROW_STORED; }

static inline double number(const Value *v) {
    if (v->row != ROW_STORED) return v->data;
    return v->kind == DOUBLE ? *(double *)v->place : (double)*(float *)v->place;
}

static void set_number(Value *v, double x) {
    if (v->kind == DOUBLE) *(double *)v->place = x;
    else if (v->kind == SINGLE) *(float *)v->place = (float)x;
    else v->data = x;
}

/* What `as_number` makes of a number that is no float. */
static PyObject *as_float(PyObject *x, const char *name) {
    PyObject *found = PyLong_CheckExact(x) ? PyNumber_Float(x) : NULL;
    if (found) return found;
    PyErr_Clear(); /* an integer that is too large is infinite */
    return PyObject_CallFunction(as_number, "Os", x, name);
}

/* The double of a float, or of what `as_number` makes of it; 0 with an error set. */
static int to_double(PyObject *x, const char *name, double *d) {
    if (PyFloat_CheckExact(x)) { *d = PyFloat_AsDouble(x); return 1; }
    PyObject *converted = as_float(x, name);
    if (!converted) return 0;
    *d = PyFloat_AsDouble(converted);
    Py_DECREF(converted);
    return 1;
}
